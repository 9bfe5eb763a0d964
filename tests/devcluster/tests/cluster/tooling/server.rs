//! A server of release files on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use flate2::{Compression, write::GzEncoder};
use libtest_mimic::Failed;
use sha2::{Digest as _, Sha256, Sha512};

/// Starts a server that answers a path with the bytes of `body`, or with 404. Returns its URL. It ends with this process.
pub fn serve(body: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Result<String, Failed> {
    start(move |stream, path| {
        let (status, body) = body(path).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(&[head.into_bytes(), body].concat());
    })
}

/// Starts a server that accepts every connection and never answers.
pub fn silent() -> Result<String, Failed> {
    let mut open = Vec::new();
    start(move |stream, _| open.extend(stream.try_clone()))
}

fn start(mut answer: impl FnMut(&mut TcpStream, &str) + Send + 'static) -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            answer(&mut stream, request.split(' ').nth(1).unwrap_or_default());
        }
    });
    Ok(url)
}

/// An archive with one program, a shell script of one command.
pub fn archive(member: &str, command: &str) -> Result<Vec<u8>, Failed> {
    let script = format!("#!/bin/sh\n{command}\n");
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(script.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, member, script.as_bytes())?;
    Ok(archive.into_inner()?.finish()?)
}

/// The line of `sha256sum`.
pub fn sha256(bytes: &[u8], name: &str) -> Vec<u8> {
    line(&Sha256::digest(bytes), name)
}

/// The line of `sha512sum`.
pub fn sha512(bytes: &[u8], name: &str) -> Vec<u8> {
    line(&Sha512::digest(bytes), name)
}

fn line(digest: &[u8], name: &str) -> Vec<u8> {
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits}  {name}\n").into_bytes()
}
