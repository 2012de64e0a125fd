//! `pavlosc unpack`, through the built binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod attacks;
mod builder;
mod damage;
mod formats;
mod layers;
#[path = "../support/program.rs"]
mod program;
mod rig;
mod rootless;
mod roundtrip;
mod store;
