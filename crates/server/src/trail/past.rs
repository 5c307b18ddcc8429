//! What the audit says was done before.

use audit::Entry;
use calls::time::Wall;
use index::trail::Query;
use index::{DatabaseError, PAGE_MAX, Trail};

/// All that is readable of an action, or of a family of them by its noun, since then; the newest comes first.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn said_of(
    trail: &Trail,
    action: &str,
    from: Option<Wall>,
) -> Result<Vec<Entry>, DatabaseError> {
    let mut query = Query { action: Some(action.to_owned()), from, limit: PAGE_MAX, ..Query::default() };
    let mut found = Vec::new();
    loop {
        let page = trail.find(&query).await?;
        found.extend(page.items.into_iter().filter_map(|kept| kept.said.ok()).map(|(entry, _)| entry));
        query.before = page.next;
        if query.before.is_none() {
            return Ok(found);
        }
    }
}
