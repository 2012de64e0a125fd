//! Tells the linker where the program begins: see src/sys/start.rs.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    if of("CARGO_CFG_TARGET_ARCH") == "x86_64" && of("PROFILE") == "release" {
        println!("cargo:rustc-link-arg-bins=-Wl,-e,pavlosc_start");
    }
}
