//! The one HTTP request a client makes: asking an address server where the name servers are.
//!
//! HTTP/1.0, so that the answer ends with the connection and comes in one piece.

use std::{io, time::Duration};

use runtime::Runtime;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::time::within;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why an address server gave no addresses.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("`{url}` is not of the form http://host[:port][/path]")]
    Url { url: String },
    #[error("{url}: {cause}")]
    Network {
        url: String,
        #[source]
        cause: io::Error,
    },
    #[error("{url}: no whole answer within {} ms", timeout.as_millis())]
    TimedOut { url: String, timeout: Duration },
    #[error("{url}: the answer begins `{status}`, not with status 200")]
    Status { url: String, status: String },
    #[error("{url}: the answer exceeds the limit of {ANSWER_BYTES_MAX} bytes")]
    TooLong { url: String },
}

/// The body of the answer to a GET.
pub(crate) async fn get(
    runtime: &Runtime,
    url: &str,
    timeout: Duration,
) -> Result<String, FetchError> {
    let timed_out = || FetchError::TimedOut { url: url.to_owned(), timeout };
    within(runtime, timeout, fetch(runtime, url, timeout)).await.ok_or_else(timed_out)?
}

async fn fetch(runtime: &Runtime, url: &str, timeout: Duration) -> Result<String, FetchError> {
    let network = |cause| FetchError::Network { url: url.to_owned(), cause };
    let (host, authority, path) =
        split(url).ok_or_else(|| FetchError::Url { url: url.to_owned() })?;
    let addresses = runtime.net.resolve(&authority).await.map_err(network)?;
    let unknown = || network(io::Error::from(io::ErrorKind::NotFound));
    let to = *addresses.first().ok_or_else(unknown)?;
    let mut stream = runtime.net.connect(to, timeout).await.map_err(network)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(network)?;
    stream.flush().await.map_err(network)?;

    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.map_err(network)?;
        let (read, _) = piece.split_at(read);
        if read.is_empty() {
            break;
        }
        answer.extend_from_slice(read);
        if ANSWER_BYTES_MAX < answer.len() {
            return Err(FetchError::TooLong { url: url.to_owned() });
        }
    }
    body(url, &String::from_utf8_lossy(&answer))
}

/// Host, host with port, and path of an `http://` address.
fn split(url: &str) -> Option<(&str, String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if host.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { host.to_owned() } else { format!("{host}:80") };
    Some((host, authority, path))
}

fn body(url: &str, answer: &str) -> Result<String, FetchError> {
    let status = answer.lines().next().unwrap_or_default();
    let mut words = status.split_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    if !is_http || words.next() != Some("200") {
        let status = status.chars().take(80).collect();
        return Err(FetchError::Status { url: url.to_owned(), status });
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(body.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_port_and_path() {
        assert_eq!(split("http://h/p/q"), Some(("h", "h:80".to_owned(), "/p/q")));
        assert_eq!(split("http://h:8080"), Some(("h:8080", "h:8080".to_owned(), "/")));
        assert_eq!(split("http://[::1]/x"), Some(("[::1]", "[::1]:80".to_owned(), "/x")));
        for url in ["", "https://h/", "http://", "http:///x", "http://h/a\r\nb", "h:80"] {
            assert_eq!(split(url), None, "{url}");
        }
    }

    #[test]
    fn only_status_200_has_a_body() {
        let whole = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n 10.0.0.1:9876;10.0.0.2:9876\n";
        assert_eq!(body("u", whole).unwrap(), "10.0.0.1:9876;10.0.0.2:9876");
        for answer in ["HTTP/1.1 404 Not Found\r\n\r\n", "", "SSH-2.0", "HTTP/1.1"] {
            assert!(body("u", answer).is_err(), "{answer}");
        }
    }
}
