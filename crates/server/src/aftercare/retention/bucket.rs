//! An archive in a store that speaks S3: a file is an object under the path it has in the data folder.
//!
//! Belongs here: objects there and back, each compared byte by byte. Does not: what is brought there, and when.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use calls::id::RecordingId;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ClientOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest as _, Sha256};
use vault::Archive;

/// Bytes that are sent and fetched at once. S3 wants 5 MiB of a part at least.
const PART_BYTES: usize = 8 << 20;

/// Where it is, and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// Where the store is heard; `None` for Amazon's.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What stands before the path of each object.
    pub prefix: String,
    /// The region.
    pub region: String,
    /// The access key's id and secret.
    pub key: (String, String),
}

impl BucketSettings {
    /// What makes a client of it, with these options for each request.
    pub(crate) fn builder(&self, options: ClientOptions) -> AmazonS3Builder {
        let Self { endpoint, bucket, region, key: (id, secret), .. } = self;
        let builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_bucket_name(bucket)
            .with_region(region)
            .with_access_key_id(id)
            .with_secret_access_key(secret);
        match endpoint {
            Some(endpoint) => {
                builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"))
            }
            None => builder,
        }
    }

    /// What stands before the path of each object, without slashes around it.
    pub(crate) fn prefix(&self) -> String {
        self.prefix.trim_matches('/').to_owned()
    }
}

impl fmt::Debug for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, bucket, prefix, region, .. } = self;
        write!(f, "BucketSettings {{ {endpoint:?}, {bucket}, {prefix}, {region} }}")
    }
}

/// A bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

/// Why a file did not get there, or back.
#[derive(Debug, thiserror::Error)]
pub(super) enum BucketError {
    #[error(transparent)]
    Store(#[from] object_store::Error),
    #[error("the file cannot be read: {0}")]
    Source(String),
    #[error("what was read back is not what was sent")]
    Other,
}

impl Bucket {
    pub(super) fn open(settings: &BucketSettings) -> Result<Self, object_store::Error> {
        Ok(Self {
            store: Arc::new(settings.builder(ClientOptions::new()).build()?),
            prefix: settings.prefix(),
        })
    }

    fn key(&self, source: &Archive, recording: RecordingId) -> Key {
        let path = source.path_of(recording);
        Key::from(format!("{}/{}", self.prefix, path.display()))
    }

    /// Sends the file of a recording, and reads it back: what is there then has every byte that was sent.
    pub(super) async fn put(&self, recording: RecordingId, source: &Archive) -> Result<u64, BucketError> {
        let key = self.key(source, recording);
        let (first, mut at) = (read(source, recording, 0).await?, PART_BYTES as u64);
        let mut hash = Sha256::new();
        hash.update(&first);
        if first.len() < PART_BYTES {
            at = first.len() as u64;
            self.store.put(&key, PutPayload::from_bytes(first)).await?;
        } else {
            let mut upload = self.store.put_multipart(&key).await?;
            let sent = send_rest(&mut *upload, (source, recording), first, (&mut hash, &mut at)).await;
            if let Err(error) = sent {
                // What was sent so far would be paid for.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
        let (read_back, bytes) = self.hash(&key).await?;
        if read_back == <[u8; 32]>::from(hash.finalize()) && bytes == at {
            Ok(bytes)
        } else {
            Err(BucketError::Other)
        }
    }

    /// SHA-256 and length of what is there.
    async fn hash(&self, key: &Key) -> Result<([u8; 32], u64), BucketError> {
        let size = self.store.head(key).await?.size;
        let (mut hash, mut at) = (Sha256::new(), 0);
        while at < size {
            let until = size.min(at + PART_BYTES as u64);
            let part = self.store.get_range(key, at..until).await?;
            hash.update(&part);
            at = until;
        }
        Ok((hash.finalize().into(), size))
    }

    /// Bytes of a file from `at` on; none at its end.
    pub(super) async fn read(
        &self,
        source: &Archive,
        recording: RecordingId,
        at: u64,
    ) -> Result<Bytes, BucketError> {
        let key = self.key(source, recording);
        let size = self.store.head(&key).await?.size;
        if at >= size {
            return Ok(Bytes::new());
        }
        Ok(self.store.get_range(&key, at..size.min(at + PART_BYTES as u64)).await?)
    }

    /// Removes a file; whether it was there.
    pub(super) async fn remove(&self, source: &Archive, recording: RecordingId) -> Result<bool, BucketError> {
        let key = self.key(source, recording);
        match self.store.head(&key).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            known => drop(known?),
        }
        match self.store.delete(&key).await {
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            done => Ok(done.map(|()| true)?),
        }
    }
}

async fn send_rest(
    upload: &mut dyn MultipartUpload,
    (source, recording): (&Archive, RecordingId),
    first: Bytes,
    (hash, at): (&mut Sha256, &mut u64),
) -> Result<(), BucketError> {
    upload.put_part(PutPayload::from_bytes(first)).await?;
    loop {
        let part = read(source, recording, *at).await?;
        if part.is_empty() {
            break;
        }
        hash.update(&part);
        *at += part.len() as u64;
        upload.put_part(PutPayload::from_bytes(part)).await?;
    }
    upload.complete().await?;
    Ok(())
}

/// A part of the file of a recording, off the threads that others wait for.
async fn read(source: &Archive, recording: RecordingId, at: u64) -> Result<Bytes, BucketError> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || {
        let mut part = vec![0; PART_BYTES];
        let read = source.read_raw(recording, &mut part, at)?;
        part.truncate(read);
        Ok::<_, vault::ReadError>(Bytes::from(part))
    });
    let read = read.await.map_err(|error| BucketError::Source(error.to_string()))?;
    read.map_err(|error| BucketError::Source(error.to_string()))
}
