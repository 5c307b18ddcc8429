//! Places elsewhere that heads are copied to, so that whoever can change everything here cannot change them (F-INS-1).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Line;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use object_store::aws::Checksum;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutPayload};
use vault::disk::RealDisk;

use crate::aftercare::retention::BucketSettings;

/// The file in a folder that heads are appended to.
pub const WITNESS_FILE: &str = "audit-heads.jsonl";

/// Says which hash of an object comes with it.
const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-sdk-checksum-algorithm");

/// A place that takes heads.
#[derive(Debug, Clone)]
pub enum Witness {
    /// A file, to which lines are appended.
    File(PathBuf),
    /// A bucket, an object for each head; its versions are locked by the bucket's own rule.
    Bucket {
        /// The store.
        store: Arc<dyn ObjectStore>,
        /// What stands before the name of each object.
        prefix: String,
    },
}

impl Witness {
    /// The file in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self::File(folder.join(WITNESS_FILE))
    }

    /// A bucket.
    ///
    /// # Errors
    /// The store's, if the settings make no sense.
    pub fn bucket(settings: &BucketSettings) -> Result<Self, object_store::Error> {
        // A store takes what it is to lock only with a hash of it, and wants to be told which.
        let named = HeaderMap::from_iter([(CHECKSUM_ALGORITHM, HeaderValue::from_static("SHA256"))]);
        let builder = settings.builder(ClientOptions::new().with_default_headers(named));
        let store = builder.with_checksum_algorithm(Checksum::SHA256).build()?;
        Ok(Self::Bucket { store: Arc::new(store), prefix: settings.prefix() })
    }

    /// What it is called in alarms.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bucket { prefix, .. } => format!("bucket, under \"{prefix}\""),
        }
    }

    /// Hands a head over; it is there when this returns.
    pub(super) async fn take(&self, line: &Line, number: u64) -> Result<(), String> {
        let text = line.to_json() + "\n";
        match self {
            Self::File(path) => {
                let path = path.clone();
                let appended = tokio::task::spawn_blocking(move || {
                    vault::append_line(&RealDisk::new(), &path, text.as_bytes())
                });
                let appended = appended.await.map_err(|error| error.to_string())?;
                appended.map_err(|error| error.to_string())
            }
            Self::Bucket { store, prefix } => {
                let key = Key::from(format!("{prefix}/audit/{number:020}.json"));
                let put = store.put(&key, PutPayload::from(text.into_bytes()));
                put.await.map(drop).map_err(|error| error.to_string())
            }
        }
    }
}
