//! The command line: one file for each subcommand.

mod agents;
mod alarms;
mod annotate;
mod apart;
mod api_keys;
mod approvals;
mod ask;
mod audit;
mod backup;
mod call;
mod check;
mod client;
mod confined;
mod data;
mod demo;
mod doctor;
mod erase;
mod export;
mod files;
mod find;
mod holds;
mod keys;
mod log;
mod login;
mod pipe;
mod plain;
mod reconcile;
mod redact;
mod refusals;
mod retention;
mod schedules;
mod serve;
mod timeline;
mod times;
mod trust;
mod upgrade;
mod users;
mod vcon;
mod verify;
mod webhooks;
mod zip;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An open call recorder for contact centres.
#[derive(Debug, Parser)]
#[command(name = "sidetone", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the recorder.
    Serve(serve::Serve),
    /// Show the main job: a call recorded, tagged, silenced, stopped and sealed, and looked at closely.
    Demo(demo::Demo),
    /// Take agents into a running recorder, or list them.
    Agents(agents::Agents),
    /// Say which calls are kept, list that, or try it on a made-up call.
    Schedules(schedules::Schedules),
    /// Say what becomes of recordings when their days are over, or list it.
    ArchiveActions(schedules::ArchiveActions),
    /// Show what somebody should see to, what it means and what to do.
    Alarms(alarms::Alarms),
    /// Find who did what, give it out, and look at what was given out.
    Audit(audit::Audit),
    /// Find recordings of a running recorder.
    Find(find::Find),
    /// Show all that is known of a recording.
    Show(find::Show),
    /// Show what happened to a call, in order.
    Timeline(timeline::Timeline),
    /// Save recordings as sound files, or in a zip.
    Export(export::Export),
    /// Attach a bookmark, a note or a category to a finished recording.
    Annotate(annotate::Annotate),
    /// Save the calls of recordings as vCons, for whoever analyses speech.
    Vcon(vcon::Vcon),
    /// Say who is told of what happens, and what became of it.
    Webhooks(webhooks::Webhooks),
    /// Erase a span of a finished recording for good.
    Redact(redact::Redact),
    /// Erase all recordings that are about somebody, for good, but for what a legal hold or the law keeps.
    Erase(erase::Erase),
    /// Show, place and release legal holds.
    Holds(holds::Holds),
    /// Make, change, list and remove accounts of people.
    Users(users::Users),
    /// Make, exchange, list and take back keys of programs.
    ApiKeys(api_keys::ApiKeys),
    /// Show what waits for the approval of another.
    Approvals(approvals::Approvals),
    /// Show how deletion stands, and confirm what has stopped it.
    Retention(retention::Retention),
    /// Compare a PBX's list of calls with what is recorded, and list what is missing and why.
    Reconcile(reconcile::Reconcile),
    /// Copy a data folder as it is at one instant, while it records.
    Backup(backup::Backup),
    /// Bring a backup back into an empty data folder.
    Restore(backup::Restore),
    /// Compare the index of a data folder with its files, and each file with its digest.
    Check(check::Check),
    /// Show, replace, seal and destroy the keys of an installation.
    Keys(keys::Keys),
    /// Bring a data folder to the form of this version, while no recorder runs on it.
    Upgrade(upgrade::Upgrade),
    /// Verify recordings that were taken out, or a whole folder of them, with public keys only.
    Verify(verify::Verify),
    /// Look at a deployment, place a call through the running recorder, and say what an SBC would see.
    Doctor(doctor::Doctor),
    /// Show who was turned away, and why.
    Refusals(refusals::Refusals),
    /// Show how each trunk does.
    Trunks(refusals::Trunks),
    /// Place test calls at a recorder, as an SBC would.
    Call(call::Call),
    /// Become a program that reads its input, computes, and writes its output, and can do nothing else.
    #[command(hide = true)]
    Confined(confined::Confined),
}

/// Why a subcommand failed, as a sentence for the person who typed it.
type Failure = String;

/// Runs the subcommand that the arguments name.
#[expect(clippy::print_stderr, reason = "this is where a failed command says why")]
pub fn main() -> ExitCode {
    pipe::end_quietly();
    // Recordings, the index with its names and hashes, exports: what we make is its owner's alone (F-KEY-1).
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Agents(agents) => agents.run(),
        Command::Schedules(schedules) => schedules.run(),
        Command::ArchiveActions(actions) => actions.run(),
        Command::Alarms(alarms) => alarms.run(),
        Command::Audit(audit) => audit.run(),
        Command::Find(find) => find.run(),
        Command::Show(show) => show.run(),
        Command::Timeline(timeline) => timeline.run(),
        Command::Export(export) => export.run(),
        Command::Annotate(annotate) => annotate.run(),
        Command::Vcon(vcon) => vcon.run(),
        Command::Webhooks(webhooks) => webhooks.run(),
        Command::Redact(redact) => redact.run(),
        Command::Erase(erase) => erase.run(),
        Command::Holds(holds) => holds.run(),
        Command::Users(users) => users.run(),
        Command::ApiKeys(keys) => keys.run(),
        Command::Approvals(approvals) => approvals.run(),
        Command::Retention(retention) => retention.run(),
        Command::Reconcile(reconcile) => reconcile.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Check(check) => check.run(),
        Command::Keys(keys) => keys.run(),
        Command::Verify(verify) => verify.run(),
        Command::Upgrade(upgrade) => upgrade.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Refusals(refusals) => refusals.run(),
        Command::Trunks(trunks) => trunks.run(),
        Command::Call(call) => call.run(),
        Command::Confined(confined) => confined.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A file that is looked at may have named what is wrong with it.
            eprintln!("sidetone: {}", plain::lines(&failure));
            ExitCode::FAILURE
        }
    }
}

/// A runtime for a command's tasks.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("the machine does not give what is needed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory as _;

    use super::*;

    /// Goes down all subcommands with what is inherited: clap leaves an inherited argument out where a subcommand has one of the
    /// same id, and then reads the one's value as the other's type.
    fn expect_no_clash(command: &clap::Command, path: &str, inherited: &BTreeMap<String, String>) {
        let mut handed_down = inherited.clone();
        for argument in command.get_arguments() {
            let (id, long) = (argument.get_id().to_string(), argument.get_long().unwrap_or_default());
            let clash =
                inherited.iter().find(|(known, its)| **known == id || (!long.is_empty() && *its == long));
            assert!(clash.is_none(), "{path}: {id} (--{long}) is inherited too, as {clash:?}");
            if argument.is_global_set() {
                handed_down.insert(id, long.to_owned());
            }
        }
        for below in command.get_subcommands() {
            expect_no_clash(below, &format!("{path} {}", below.get_name()), &handed_down);
        }
    }

    #[test]
    fn no_subcommand_has_an_argument_that_it_inherits_too() {
        let command = Arguments::command();
        expect_no_clash(&command, "sidetone", &BTreeMap::new());
        command.debug_assert();
    }

    #[test]
    fn a_key_is_made_for_a_client_certificate_and_asked_for_with_another() {
        for typed in [
            "sidetone api-keys add crm --role integration --certificate crm.example.com",
            "sidetone api-keys certificate 7 sha256:9f86d081 --client-certificate own.pem --client-key own.key",
        ] {
            let read = Arguments::try_parse_from(typed.split(' '));
            assert!(read.is_ok(), "{typed}: {}", read.unwrap_err());
        }
    }
}
