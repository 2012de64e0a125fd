//! pavlosc: the container runtime of Pavlos. `main` prints and exits; everything else is in `cli`.

mod cli;
mod error;
mod sys;
mod user;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().collect())
}
