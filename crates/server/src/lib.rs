//! The shell: sockets, tasks, clock, HTTP, wiring.
//!
//! A call passes through the folders in this order: `ingest` (the wire comes in), `media` (packets are judged
//! and guarded), `desk` (decisions are made), `keep` (recordings are kept), `playback` (recordings become sound),
//! `export` (they leave as files). `control` (commands come in) enters at `desk`; `aftercare` is for recordings that are
//! done, `webhooks` tells other programs what happens, `trail` writes down who did what. `keys` has what records and what
//! reads. `levels` tells how loud it is.

pub mod aftercare;
pub mod caller;
pub mod clock;
pub mod cmd;
pub mod config;
pub mod control;
pub mod desk;
pub mod export;
pub mod http;
pub mod identity;
pub mod ingest;
pub mod keep;
pub mod keys;
pub mod levels;
pub mod media;
pub mod observe;
pub mod playback;
pub mod recorder;
pub mod sign_on;
pub mod tls;
pub mod trail;
pub mod web;
pub mod webhooks;
pub mod zones;
