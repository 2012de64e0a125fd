//! The program that bench/ runs in a container: its first instruction prints the monotonic clock.
fn main() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    println!(
        "{}",
        i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
    );
}
