//! Thirty-two secret bytes that stay in memory: never in swap, and wiped when they are let go (F-KEY-1).

use zeroize::Zeroize as _;

/// As large as the largest page of the machines we run on, so that no two of these share one: what is unlocked for one key would
/// be for the other.
#[repr(align(65536))]
struct Page([u8; 32]);

/// A long-lived key.
pub(crate) struct Locked {
    page: Box<Page>,
    is_locked: bool,
}

impl Locked {
    /// Has the bytes written where they will stay. Where the system locks no memory for us they are there all the same:
    /// [`Self::is_locked`].
    pub(crate) fn new(write: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut page = Box::new(Page([0; 32]));
        let is_locked = lock(&page.0);
        write(&mut page.0);
        Self { page, is_locked }
    }

    /// The same; `None` if they cannot be written.
    pub(crate) fn try_new(write: impl FnOnce(&mut [u8; 32]) -> Option<()>) -> Option<Self> {
        let mut done = None;
        let locked = Self::new(|bytes| done = write(bytes));
        done.map(|()| locked)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.page.0
    }

    /// Whether the system keeps them out of swap.
    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.page.0.zeroize();
        if self.is_locked {
            unlock(&self.page.0);
        }
    }
}

#[expect(unsafe_code, reason = "the call takes an address; it changes nothing that can be seen through it")]
fn lock(bytes: &[u8; 32]) -> bool {
    // SAFETY: the bytes are ours while the call lasts, and locking reads and writes none of them.
    unsafe { rustix::mm::mlock(bytes.as_ptr().cast_mut().cast(), bytes.len()) }.is_ok()
}

#[expect(unsafe_code, reason = "as for the lock")]
fn unlock(bytes: &[u8; 32]) {
    // SAFETY: as for the lock. It cannot fail for what is locked.
    let _ = unsafe { rustix::mm::munlock(bytes.as_ptr().cast_mut().cast(), bytes.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn a_key_lies_in_locked_memory_while_it_lives() {
        let before = locked_kib();
        let key = Locked::new(|bytes| bytes.fill(7));
        let other = Locked::new(|bytes| bytes.fill(8));
        assert_eq!((key.bytes(), other.bytes()), (&[7; 32], &[8; 32]));
        assert!(key.is_locked(), "the limit of locked memory (ulimit -l) is too low for this test");
        assert!(locked_kib() >= before + 8);
        drop(key);
        assert!(locked_kib() >= before + 4, "the other stays locked");
    }
}
