//! A plain TCP stream for bench/network.ts: `serve PORT` reads and throws away, `send HOST PORT MIB`
//! writes that much and prints MiB a second once all has arrived.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

const CHUNK: usize = 128 << 10;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port] => serve(port),
        ["send", host, port, mib] => send(host, port, mib.parse().unwrap_or(1024)),
        _ => Err(std::io::Error::other("serve PORT, or send HOST PORT MIB")),
    }
}

fn serve(port: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut buffer = vec![0; CHUNK];
        while stream.read(&mut buffer)? > 0 {}
        // The sender's clock stops when everything was read.
        stream.write_all(b"!")?;
    }
    Ok(())
}

fn send(host: &str, port: &str, mib: usize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(format!("{host}:{port}"))?;
    let buffer = vec![0; CHUNK];
    let start = Instant::now();
    for _ in 0..mib * (1 << 20) / CHUNK {
        stream.write_all(&buffer)?;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_exact(&mut [0])?;
    println!("{:.0}", mib as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
