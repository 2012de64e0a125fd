//! pavlosc: the container runtime of Pavlos. It begins in `sys::start`; everything else is in `cli`.
#![allow(dead_code)] // until the verbs use them
// The entry points are in sys::start.
#![cfg_attr(not(test), no_main)]

mod cgroup;
mod cli;
mod commands;
mod complete;
mod error;
mod exec;
#[cfg(test)]
mod fuzz;
mod launch;
mod live;
mod loader;
mod log;
mod netns;
mod pack;
mod process;
mod protect;
mod remove;
mod report;
mod root;
mod seccomp;
mod signal;
mod spec;
mod state;
mod supervise;
mod sys;
mod teardown;
mod terminal;
mod time;
mod tree;
mod unpack;
mod user;
mod userns;
mod verify;
