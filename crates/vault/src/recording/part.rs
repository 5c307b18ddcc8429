//! The part file: the frames of a recording that is not sealed yet, moved out of the journal verbatim.
//!
//! Belongs here: growing it, and making it whole again after a crash or a failed sync. Does not: the order of steps
//! with other files ([`crate::seal`]).
//!
//! A part file holds frames in the order of their numbers, so that copying twice is no harm: what it has is passed
//! over. Whenever it is not exactly that (torn, damaged, half sealed, or *suspect* after a failed sync) it is not
//! patched but written anew, from its whole frames and the journal's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;

use super::layout::{FILE_HEAD_BYTES, KeyFrame, MANIFEST_KEY, file_head, lane_and_number, read_file_head};
use super::place;
use crate::disk::{Access, Attempt, Disk, DiskError, DiskFile, failed};
use crate::frame::{Frame, Kind, Scan, Scanned, Window};
use crate::journal::layout::segment_path;
use crate::journal::settlement::Settlement;

/// Frames are gathered to this size before they are appended.
const GATHER_BYTES: usize = 256 << 10;

/// The folders of a store, and its disk.
#[derive(Clone)]
pub(crate) struct Folders {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) root: PathBuf,
}

impl Folders {
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.root.join(place::LIVE)
    }

    pub(crate) fn sync(&self, folder: &Path) -> Result<(), DiskError> {
        self.disk.sync_dir(folder).map_err(failed(Attempt::SyncDir, folder))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to).map_err(failed(Attempt::Rename, from))
    }

    /// Removes a file that may be there; whether it was.
    pub(crate) fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        match self.disk.remove(path).map_err(failed(Attempt::Remove, path)) {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file that may be there.
    pub(crate) fn open(&self, path: &Path, access: Access) -> Result<Option<Box<dyn DiskFile>>, DiskError> {
        match self.disk.open(path, access).map_err(failed(Attempt::Open, path)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.create(path).map_err(failed(Attempt::Create, path))
    }

    /// Looks into a file; `None` if there is none.
    pub(crate) fn window(&self, path: &Path) -> Result<Option<Window>, DiskError> {
        self.open(path, Access::Read)?.map(|file| Window::new(file, path, u64::MAX)).transpose()
    }

    /// Walks over the frames of a part or sealed file; `None` if there is none.
    pub(crate) fn scan(&self, path: &Path) -> Result<Option<Scan>, DiskError> {
        Ok(self.window(path)?.map(|window| Scan::new(window, FILE_HEAD_BYTES as u64)))
    }

    /// Shows every whole frame of a settlement to `see`, in order, and returns how many frames were damaged.
    pub(crate) fn settlement_frames(
        &self,
        settlement: &Settlement,
        mut see: impl FnMut(u32, &Frame<'_>) -> Result<(), DiskError>,
    ) -> Result<u64, DiskError> {
        let mut damaged = 0;
        let mut open: Option<(u64, Scan)> = None;
        for run in &settlement.runs {
            let mut scan = match open.take() {
                Some((segment, scan)) if segment == run.segment => scan,
                _ => {
                    let path = segment_path(&self.journal(), run.segment);
                    let Some(file) = self.open(&path, Access::Read)? else {
                        damaged += 1;
                        continue;
                    };
                    Scan::new(Window::new(file, &path, u64::MAX)?, 0)
                }
            };
            scan.limit(run.offset, run.offset + run.bytes);
            while let Some(scanned) = scan.next()? {
                match scanned {
                    Scanned::Frame { frame, .. } => match lane_and_number(&frame) {
                        Some((_, number)) => see(number, &frame)?,
                        None => damaged += 1,
                    },
                    Scanned::Damage { .. } => damaged += 1,
                }
            }
            open = Some((run.segment, scan));
        }
        Ok(damaged)
    }
}

/// Whether a frame belongs to what sealing adds at the end.
pub(crate) fn is_tail(frame: &Frame<'_>) -> bool {
    match frame.kind {
        Kind::Key => KeyFrame::read(frame).is_some_and(|key| key.place.key == MANIFEST_KEY),
        Kind::Media => false,
        _ => true,
    }
}

/// A part file open for growing.
pub(crate) struct Part {
    file: Box<dyn DiskFile>,
    known: KnownPart,
}

/// What is kept in mind of a part file between two settlements, while it is not open.
pub(crate) struct KnownPart {
    recording: RecordingId,
    path: PathBuf,
    last_number: Option<u32>,
    /// Numbers below the last that are not in the file.
    holes: Vec<Range<u32>>,
    nameless: bool,
}

impl KnownPart {
    /// Opens the file again.
    pub(crate) fn open(self, folders: &Folders) -> Result<Part, DiskError> {
        let file = folders.disk.open(&self.path, Access::Write).map_err(failed(Attempt::Open, &self.path))?;
        Ok(Part { file, known: self })
    }

    /// Notes that the frame with this number, greater than the last, stands at the end.
    fn note(&mut self, number: u32) {
        let next = self.next_number();
        if number > next {
            self.holes.push(next..number);
        }
        self.last_number = Some(number);
    }

    fn next_number(&self) -> u32 {
        self.last_number.map_or(0, |last| last.saturating_add(1))
    }
}

/// How a copy went.
pub(crate) struct Copied {
    /// Damaged places in the journal, each at least one frame lost.
    pub(crate) damaged: u64,
    /// A frame belongs before some that are in the file: it has to be written anew.
    pub(crate) out_of_order: bool,
}

/// What a look at a part file showed.
struct Look {
    /// Number, offset, length of every whole frame.
    frames: BTreeMap<u32, (u64, usize)>,
    clean: bool,
}

impl Part {
    /// Opens the part file of a recording or begins one; one that is not whole is written anew first, with the
    /// frames of `settlement` where its own are damaged.
    pub(crate) fn open(folders: &Folders, settlement: &Settlement) -> Result<Self, DiskError> {
        let recording = settlement.recording;
        let path = folders.root.join(place::part(recording));
        let suspect = folders.root.join(place::suspect(recording));
        if let Some(look) = look(folders, &path, recording)? {
            folders.remove(&suspect)?;
            if !look.clean {
                return Self::anew(folders, settlement, &path, &look);
            }
            let file = folders.disk.open(&path, Access::Write).map_err(failed(Attempt::Open, &path))?;
            // Its name may not be durable yet: the sync of the folder is repeated.
            return Ok(Self::with(recording, (path, file), look.frames.keys(), true));
        }
        if let Some(look) = look(folders, &suspect, recording)? {
            return Self::anew(folders, settlement, &suspect, &look);
        }
        let mut file = folders.create(&path)?;
        file.append(&file_head(recording)).map_err(failed(Attempt::Append, &path))?;
        Ok(Self::with(recording, (path, file), [].iter(), true))
    }

    /// Writes the file anew, with the frames of `settlement` in their places.
    pub(crate) fn reopen_anew(self, folders: &Folders, settlement: &Settlement) -> Result<Self, DiskError> {
        let KnownPart { recording, path, .. } = self.known;
        match look(folders, &path, recording)? {
            Some(look) => Self::anew(folders, settlement, &path, &look),
            None => Self::open(folders, settlement),
        }
    }

    fn with<'n>(
        recording: RecordingId,
        (path, file): (PathBuf, Box<dyn DiskFile>),
        numbers: impl Iterator<Item = &'n u32>,
        nameless: bool,
    ) -> Self {
        let mut known = KnownPart { recording, path, last_number: None, holes: Vec::new(), nameless };
        numbers.for_each(|number| known.note(*number));
        Self { file, known }
    }

    /// Writes a part file from the whole frames of `source` and of the settlement, and gives it the name.
    fn anew(
        folders: &Folders,
        settlement: &Settlement,
        source: &Path,
        look: &Look,
    ) -> Result<Self, DiskError> {
        let recording = settlement.recording;
        let draft = folders.root.join(place::draft(recording));
        let path = folders.root.join(place::part(recording));
        folders.remove(&draft)?;
        let mut gather = Gather::begin(folders, draft, file_head(recording).to_vec())?;
        let mut missing: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        folders.settlement_frames(settlement, |number, frame| {
            if !look.frames.contains_key(&number) {
                missing.insert(number, frame.bytes.to_vec());
            }
            Ok(())
        })?;
        let mut numbers: Vec<u32> = look.frames.keys().chain(missing.keys()).copied().collect();
        numbers.sort_unstable();
        if let Some(file) = folders.open(source, Access::Read)? {
            let mut window = Window::new(file, source, u64::MAX)?;
            for number in &numbers {
                match look.frames.get(number) {
                    Some((offset, len)) => gather.append(window.get(*offset, *len)?)?,
                    None => gather.append(&missing[number])?,
                }
            }
        }
        let file = gather.finish()?;
        folders.rename(&folders.root.join(place::draft(recording)), &path)?;
        folders.sync(&folders.live())?;
        folders.remove(&folders.root.join(place::suspect(recording)))?;
        Ok(Self::with(recording, (path, file), numbers.iter(), false))
    }

    /// Appends the frames of a settlement that the file does not have. Not durable before [`Self::sync`].
    pub(crate) fn copy(&mut self, folders: &Folders, settlement: &Settlement) -> Result<Copied, DiskError> {
        let mut gathered: Vec<u8> =
            Vec::with_capacity(GATHER_BYTES.min(usize::try_from(settlement.bytes()).unwrap_or(GATHER_BYTES)));
        let mut out_of_order = false;
        let damaged = folders.settlement_frames(settlement, |number, frame| {
            if self.known.last_number.is_some_and(|last| number <= last) {
                out_of_order |= self.known.holes.iter().any(|hole| hole.contains(&number));
                return Ok(());
            }
            self.known.note(number);
            gathered.extend_from_slice(frame.bytes);
            if gathered.len() >= GATHER_BYTES {
                self.append(&gathered)?;
                gathered.clear();
            }
            Ok(())
        })?;
        if !gathered.is_empty() {
            self.append(&gathered)?;
        }
        Ok(Copied { damaged, out_of_order })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.append(bytes).map_err(failed(Attempt::Append, &self.known.path))
    }

    /// Closes the file.
    pub(crate) fn rest(self) -> KnownPart {
        self.known
    }

    /// Makes bytes and name durable.
    pub(crate) fn sync(&mut self, folders: &Folders) -> Result<(), DiskError> {
        self.file.sync().map_err(failed(Attempt::Sync, &self.known.path))?;
        if self.known.nameless {
            folders.sync(&folders.live())?;
            self.known.nameless = false;
        }
        Ok(())
    }

    pub(crate) fn recording(&self) -> RecordingId {
        self.known.recording
    }

    pub(crate) fn path(&self) -> &Path {
        &self.known.path
    }

    pub(crate) fn next_number(&self) -> u32 {
        self.known.next_number()
    }
}

/// Marks the part file of a recording, if it has one, as one whose last sync failed: the next attempt writes it
/// anew. The name is the mark, because a process that starts later must see it too; after a power cut it need not,
/// for then the unsynced bytes are gone as well.
pub(crate) fn distrust(folders: &Folders, recording: RecordingId) -> Result<(), DiskError> {
    let part = folders.root.join(place::part(recording));
    match folders.rename(&part, &folders.root.join(place::suspect(recording))) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// The numbers of the frames in the sealed file of a recording, if it is sealed.
pub(crate) fn frame_numbers(
    folders: &Folders,
    recording: RecordingId,
) -> Result<Option<BTreeSet<u32>>, DiskError> {
    let look = look(folders, &folders.root.join(place::sealed(recording)), recording)?;
    Ok(look.map(|look| look.frames.into_keys().collect()))
}

fn look(folders: &Folders, path: &Path, recording: RecordingId) -> Result<Option<Look>, DiskError> {
    let Some(file) = folders.open(path, Access::Read)? else { return Ok(None) };
    let mut window = Window::new(file, path, u64::MAX)?;
    let head = read_file_head(window.get(0, FILE_HEAD_BYTES)?);
    let mut look = Look { frames: BTreeMap::new(), clean: head == Some(recording) };
    let mut scan = Scan::new(window, FILE_HEAD_BYTES as u64);
    let mut last = None;
    while let Some(scanned) = scan.next()? {
        let Scanned::Frame { offset, frame } = scanned else {
            look.clean = false;
            continue;
        };
        match lane_and_number(&frame).filter(|_| !is_tail(&frame)) {
            Some((_, number)) => {
                look.clean &= last.is_none_or(|last| number > last);
                last = Some(number);
                look.frames.entry(number).or_insert((offset, frame.bytes.len()));
            }
            None => look.clean = false,
        }
    }
    Ok(Some(look))
}

/// Writes a file in large pieces.
pub(crate) struct Gather {
    out: Vec<u8>,
    file: Box<dyn DiskFile>,
    path: PathBuf,
}

impl Gather {
    /// Begins a new file.
    pub(crate) fn begin(folders: &Folders, path: PathBuf, out: Vec<u8>) -> Result<Self, DiskError> {
        Ok(Self { out, file: folders.create(&path)?, path })
    }

    /// Goes on with a file that is there.
    pub(crate) fn go_on(folders: &Folders, path: PathBuf) -> Result<Self, DiskError> {
        let file = folders.disk.open(&path, Access::Write).map_err(failed(Attempt::Open, &path))?;
        Ok(Self { out: Vec::new(), file, path })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.out.extend_from_slice(bytes);
        if self.out.len() >= GATHER_BYTES { self.flush() } else { Ok(()) }
    }

    pub(crate) fn flush(&mut self) -> Result<(), DiskError> {
        self.file.append(&self.out).map_err(failed(Attempt::Append, &self.path))?;
        self.out.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Box<dyn DiskFile>, DiskError> {
        self.flush()?;
        self.file.sync().map_err(failed(Attempt::Sync, &self.path))?;
        Ok(self.file)
    }
}
