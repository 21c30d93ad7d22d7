use super::message::message;
use super::{Mail, Mailer};
use async_trait::async_trait;
use lettre::message::Mailbox;
use model::Error;
use reqwest::Url;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt as _;

/// A folder of `<id>.eml` files: each appears whole or not at all, and a mail sent again replaces itself.
pub struct Outbox {
    folder: PathBuf,
    from: Mailbox,
}

impl Outbox {
    pub fn open(url: &Url, from: Mailbox) -> Result<Self, Error> {
        let folder = url.to_file_path().map_err(|()| Error::invalid("mailer", "must be file:///folder"))?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| Error::invalid("mailer", format!("{}: {error}", folder.display())))?;
        Ok(Self { folder, from })
    }

    async fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = self.folder.join(format!(".{}", uuid::Uuid::new_v4().simple()));
        let written = write_whole(&draft, &self.folder.join(name), bytes).await;
        if written.is_err() {
            let _ = tokio::fs::remove_file(&draft).await;
        }
        written
    }
}

async fn write_whole(draft: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = tokio::fs::File::create(draft).await?;
    out.write_all(bytes).await?;
    out.sync_all().await?;
    tokio::fs::rename(draft, file).await
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), Error> {
        let bytes = message(&self.from, mail)?.formatted();
        let written = self.write(&format!("{}.eml", mail.id), &bytes).await;
        written.map_err(|error| Error::unavailable("the outbox", error))
    }
}
