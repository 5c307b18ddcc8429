//! Where sealed recordings become findable, as a seam: the index, or what stands for it in a test.

use calls::id::RecordingId;
use calls::time::Wall;
use index::{AnnotateError, DatabaseError, Index, PutError, RecordingRow};

use crate::desk::Later;

/// Rows of sealed recordings. Each answer means that it is durable.
pub trait Rows: Send + Sync + 'static {
    /// Makes a sealed recording findable; again changes nothing.
    fn put(&self, row: RecordingRow) -> Later<Result<(), PutError>>;

    /// Sets fields of a row.
    fn annotate(
        &self,
        recording: RecordingId,
        fields: Vec<(String, String)>,
        at: Wall,
    ) -> Later<Result<(), AnnotateError>>;

    /// The row of a recording, if it has one.
    fn find(&self, recording: RecordingId) -> Later<Result<Option<RecordingRow>, DatabaseError>>;
}

impl Rows for Index {
    fn put(&self, row: RecordingRow) -> Later<Result<(), PutError>> {
        let index = self.clone();
        Box::pin(async move { index.put_recording(&row).await.map(drop) })
    }

    fn annotate(
        &self,
        recording: RecordingId,
        fields: Vec<(String, String)>,
        at: Wall,
    ) -> Later<Result<(), AnnotateError>> {
        let index = self.clone();
        Box::pin(async move { index.annotate(recording, &fields, at).await })
    }

    fn find(&self, recording: RecordingId) -> Later<Result<Option<RecordingRow>, DatabaseError>> {
        let index = self.clone();
        Box::pin(async move { index.recording(recording).await })
    }
}
