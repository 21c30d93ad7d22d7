//! What somebody can do to Redis who can reach it.

use crate::chance::Chance;
use anyhow::{Context as _, Result, bail};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Between two steps.
const PAUSE: Duration = Duration::from_millis(20);
/// From a copy until it is put back.
const AGE: Duration = Duration::from_secs(3);
/// Keys that are overwritten or copied at once, and the longest answer.
const KEYS: &str = "1000";
const LONGEST: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// Everything is forgotten again and again.
    Flush,
    /// Every entry of ours is overwritten, and more are added.
    Garbage,
    /// Entries of some seconds ago are put back.
    Restore,
}

/// Goes on until it is dropped.
pub async fn rage(url: &str, storm: Storm, mut chance: Chance) -> Result<()> {
    let mut redis = Redis::connect(url).await?;
    loop {
        match storm {
            Storm::Flush => {
                redis.call(&[b"FLUSHALL"]).await?;
            }
            Storm::Garbage => {
                let mut keys = redis.keys().await?;
                keys.extend(
                    (0..20).map(|_| format!("sallyport:validated:{:064x}", chance.next()).into_bytes()),
                );
                for key in keys {
                    let garbage: Vec<u8> = (0..12).flat_map(|_| chance.next().to_be_bytes()).collect();
                    redis.call(&[b"SET", &key, &garbage, b"PX", b"60000"]).await?;
                }
            }
            Storm::Restore => {
                let mut copy = Vec::new();
                for key in redis.keys().await? {
                    if let Some(value) = redis.call(&[b"DUMP", &key]).await?.into_iter().next() {
                        copy.push((key, value));
                    }
                }
                tokio::time::sleep(AGE).await;
                for (key, value) in copy {
                    redis.call(&[b"RESTORE", &key, b"0", &value, b"REPLACE"]).await?;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Redis(BufReader<TcpStream>);

impl Redis {
    /// `redis://:password@host:port/0`
    async fn connect(url: &str) -> Result<Self> {
        let (password, rest) =
            url.strip_prefix("redis://:").and_then(|rest| rest.split_once('@')).context("not a Redis URL")?;
        let address = rest.split('/').next().unwrap_or_default();
        let mut redis = Self(BufReader::new(TcpStream::connect(address).await?));
        redis.call(&[b"AUTH", password.as_bytes()]).await?;
        Ok(redis)
    }

    /// Some of ours.
    async fn keys(&mut self) -> Result<Vec<Vec<u8>>> {
        let found = self.call(&[b"SCAN", b"0", b"MATCH", b"sallyport:*", b"COUNT", KEYS.as_bytes()]).await?;
        // The first is where the scan would go on.
        Ok(found.into_iter().skip(1).collect())
    }

    /// The strings in the answer, at whatever depth.
    async fn call(&mut self, words: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request).await?;
        let (mut strings, mut left) = (Vec::new(), 1_usize);
        while left > 0 {
            left -= 1;
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            let (kind, rest) = line.trim_end().split_at_checked(1).context("Redis hung up")?;
            match kind {
                "*" => left += rest.parse::<usize>().unwrap_or_default(),
                "$" => {
                    let Ok(length) = rest.parse::<usize>() else { continue };
                    let mut string = vec![0; length.min(LONGEST) + 2];
                    self.0.read_exact(&mut string).await?;
                    string.truncate(length);
                    strings.push(string);
                }
                "-" => bail!("Redis: {rest}"),
                _ => {}
            }
        }
        Ok(strings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use local_servers::{Redis as Server, Search};

    #[tokio::test]
    async fn entries_are_found_copied_and_put_back() {
        let server = Server::throwaway(&Search::workspace()).await.unwrap();
        let mut redis = Redis::connect(server.url()).await.unwrap();
        redis.call(&[b"SET", b"sallyport:a", b"one"]).await.unwrap();
        assert_eq!(redis.keys().await.unwrap(), [b"sallyport:a".to_vec()]);
        let copy = redis.call(&[b"DUMP", b"sallyport:a"]).await.unwrap().remove(0);
        redis.call(&[b"FLUSHALL"]).await.unwrap();
        assert!(redis.keys().await.unwrap().is_empty());
        redis.call(&[b"RESTORE", b"sallyport:a", b"0", &copy, b"REPLACE"]).await.unwrap();
        assert_eq!(redis.call(&[b"GET", b"sallyport:a"]).await.unwrap(), [b"one".to_vec()]);
        assert!(redis.call(&[b"NONSENSE"]).await.is_err());
    }
}
