//! The tracker's whole state as bytes: JSON, deflated (RFC 1951), so that thousands of calls fit one frame.

use calls::tracker::State;

/// Fast rather than small: the desk waits for it.
const LEVEL: u8 = 1;

/// The most bytes a checkpoint may unfold to: what it holds is ours, but it is read before anything is checked.
const UNFOLDED_LIMIT_BYTES: usize = 1 << 30;

/// A checkpoint that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It does not unfold.
    #[error("it is not deflated as a checkpoint is: {0}")]
    Folded(String),
    /// What it unfolds to is no state.
    #[error("it holds no state this version knows: {0}")]
    State(#[from] serde_json::Error),
}

/// The state as a checkpoint.
pub fn fold(state: &State) -> Vec<u8> {
    let json = serde_json::to_vec(state).expect("a state is made of texts, numbers and lists");
    miniz_oxide::deflate::compress_to_vec(&json, LEVEL)
}

/// The state of a checkpoint.
///
/// # Errors
/// [`CheckpointError`].
pub fn unfold(checkpoint: &[u8]) -> Result<State, CheckpointError> {
    let json = miniz_oxide::inflate::decompress_to_vec_with_limit(checkpoint, UNFOLDED_LIMIT_BYTES)
        .map_err(|error| CheckpointError::Folded(error.to_string()))?;
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use calls::tracker::{Settings, Target, Tracker};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_state_comes_back_as_it_went() {
        let mut tracker = Tracker::new(Settings::default(), [1; 32]);
        let agents = calls::agents_file::parse(b"id,phone\n1,4678\n").unwrap();
        tracker.put_agents(agents).unwrap();
        let now = calls::time::Wall::from_ms(1_700_000_000_000);
        let target = Target::Device("4678".into());
        tracker.start_recording(now, &target, Default::default()).unwrap();
        assert_eq!(&unfold(&fold(tracker.state())).unwrap(), tracker.state());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unfold(&bytes);
        }
    }
}
