//! A server of release files on loopback, with and without TLS.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use scenario::Failed;
use sha2::{Digest as _, Sha256, Sha512};

/// Answer to a request.
pub enum Answer {
    /// A file.
    Body(Vec<u8>),
    /// The file is elsewhere.
    Redirect(String),
    /// There is no such file.
    NotFound,
    /// Nothing, with the connection open.
    Silence,
}

/// A connection, with or without TLS.
trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// Starts a server that answers each path. Returns its URL. It ends with this process.
pub fn serve(answer: impl Fn(&str) -> Answer + Send + 'static) -> Result<String, Failed> {
    Ok(format!("http://127.0.0.1:{}", start(None, answer)?))
}

/// Starts a server that speaks TLS. Returns its URL and its certificate, in PEM.
pub fn serve_tls(answer: impl Fn(&str) -> Answer + Send + 'static) -> Result<(String, String), Failed> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)?;
    Ok((format!("https://localhost:{}", start(Some(Arc::new(config)), answer)?), certificate.pem()))
}

fn start(
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&str) -> Answer + Send + 'static,
) -> Result<u16, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut connection: Box<dyn Connection> = match &tls {
                None => Box::new(stream),
                Some(config) => match ServerConnection::new(Arc::clone(config)) {
                    Ok(session) => Box::new(StreamOwned::new(session, stream)),
                    Err(_) => continue,
                },
            };
            let mut request = [0; 4096];
            let length = connection.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let (status, more, body) = match answer(request.split(' ').nth(1).unwrap_or_default()) {
                Answer::Body(body) => ("200 OK", String::new(), body),
                Answer::Redirect(to) => ("302 Found", format!("location: {to}\r\n"), Vec::new()),
                Answer::NotFound => ("404 Not Found", String::new(), Vec::new()),
                Answer::Silence => {
                    silent.push(connection);
                    continue;
                }
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n");
            // A client that does not trust this server has gone.
            let _ =
                connection.write_all(&[head.into_bytes(), body].concat()).and_then(|()| connection.flush());
        }
    });
    Ok(port)
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
