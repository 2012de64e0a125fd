//! `pavlosc unpack`, through the built binary.

mod attacks;
mod builder;
mod damage;
mod formats;
mod rig;
mod rootless;
mod roundtrip;
