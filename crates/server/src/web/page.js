"use strict";
// Whatever comes from calls (names, numbers, fields) is set as text only, never as HTML.

// All that happens within this is looked at once.
const SOON_MS = 100;

const byId = (id) => document.getElementById(id);
const search = byId("search");
let agents = new Map();
let next = null;
let shown = [];
let wanted = "";

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok && path !== "readyz") throw new Error(body.detail || answer.statusText);
  return body;
}

function cell(text, kind) {
  const td = document.createElement("td");
  if (kind) td.className = kind;
  td.textContent = text;
  return td;
}

function row(cells) {
  const tr = document.createElement("tr");
  tr.append(...cells);
  return tr;
}

function clock(text) {
  return new Date(text).toLocaleString();
}

function length(ms) {
  const seconds = Math.round(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = two(Math.floor(seconds / 60) % 60) + ":" + two(seconds % 60);
  return hours ? hours + ":" + rest : rest;
}

function agentName(id, name) {
  const known = agents.get(id);
  return name || (known && known.name) || "agent " + id;
}

// What stands for the person in an address: no scheme, no host.
function user(address) {
  return address.replace(/^(sips?|tel):/i, "").split(/[@;]/)[0];
}

// The number of the other side: the caller of an inbound call, the callee of an outbound one, else whoever is not
// at the device.
function number(direction, ani, dnis, device, parties) {
  const known = direction === "O" ? dnis || ani : ani || dnis;
  const others = parties.map((party) => user(party.address)).filter((other) => other !== device);
  return known || others.join(", ");
}

function liveRow(call) {
  const names = call.agents.map((id) => agentName(id, null));
  const recording = call.recordings.find((it) => it.state === "recording" || it.state === "pending");
  let state = call.state === "on_hold" ? "on hold" : "talking";
  // A ruling that it is not kept says why: "not kept: ...".
  const declined = call.ruling && !call.ruling.kept ? call.ruling.why.replace(/^not kept/, "") : "";
  if (!recording) state += ", not recorded" + declined;
  else if (recording.dark) state += ", blackout: nothing is written";
  else if (recording.state === "pending") state = "waiting for media";
  else state += ", recorded";
  const fields = call.fields;
  return row([
    cell(names.join(", ") || call.device || ""),
    cell(number(fields.calldirection, fields.ani, fields.dnis, call.device, call.parties), "number"),
    cell(clock(call.started), "number"),
    cell(state, recording && recording.dark ? "dark" : ""),
    ear(names.join(", ") || call.device || "", recording),
  ]);
}

// Lists are made anew with each event, and a player that is moved stops: there is one for all calls, below them.
function ear(who, recording) {
  const td = document.createElement("td");
  if (!recording || !recording.audio) return td;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Listen";
  button.addEventListener("click", () => {
    const audio = byId("ear").querySelector("audio");
    byId("ear").querySelector("span").textContent = who;
    byId("ear").hidden = false;
    // Behind all that was said: what comes next.
    audio.src = recording.audio.slice(1) + "?format=opus&from_ms=" + Number.MAX_SAFE_INTEGER;
    audio.play().catch(() => {});
  });
  td.append(button);
  return td;
}

async function showLive() {
  const calls = await ask("v1/calls?state=live");
  // There may be many agents: they are asked for only when somebody new speaks.
  if (calls.items.some((call) => call.agents.some((id) => !agents.has(id)))) {
    const known = await ask("v1/agents");
    agents = new Map(known.items.map((agent) => [agent.id, agent]));
  }
  byId("live").tBodies[0].replaceChildren(...calls.items.map(liveRow));
  byId("live").hidden = calls.items.length === 0;
  byId("no-live").hidden = calls.items.length !== 0;
}

function player(recording) {
  const audio = document.createElement("audio");
  audio.controls = true;
  // Nothing is fetched before somebody presses play: every listen is written down.
  audio.preload = "none";
  audio.src = "v1/recordings/" + encodeURIComponent(recording.id) + "/audio";
  const td = document.createElement("td");
  td.append(audio);
  return td;
}

function alarmItem(alarm) {
  const item = document.createElement("li");
  const what = document.createElement("span");
  what.className = alarm.severity === "critical" ? "bad" : "";
  what.textContent = alarm.about + ": " + alarm.means;
  const more = document.createElement("small");
  const times = alarm.count > 1 ? ", " + alarm.count + " times" : "";
  more.textContent = alarm.what + " (since " + clock(alarm.since) + times + "). To do: " + alarm.todo + ".";
  item.append(what, more);
  return item;
}

async function showAlarms() {
  const alarms = await ask("v1/alarms");
  byId("alarms").querySelector("ul").replaceChildren(...alarms.items.map(alarmItem));
  byId("alarms").hidden = alarms.items.length === 0;
}

const due = new Set();

function soon(what) {
  if (due.has(what)) return;
  due.add(what);
  setTimeout(() => {
    due.delete(what);
    what().catch(lost);
  }, SOON_MS);
}

// What has changed is looked at; everything, when the connection has come back: what happened meanwhile was missed.
function follow() {
  const events = new EventSource("v1/events");
  const on = (names, ...whats) =>
    names.forEach((name) => events.addEventListener(name, () => whats.forEach(soon)));
  const live = ["call.began", "call.described", "call.held", "call.resumed", "call.tagged", "call.ended"];
  on([...live, "recording.started", "recording.stopped", "blackout.opened", "blackout.closed"], showLive);
  on(["recording.sealed"], showNew);
  on(["agent.put", "agent.removed"], forgetAgents);
  on(["alarm"], showAlarms, showState);
  on(["open", "missed", "restarted"], forgetAgents, showNew, showAlarms, showState);
  events.addEventListener("error", () => lost(new Error("the connection is lost; it is tried again")));
}

async function forgetAgents() {
  agents = new Map();
  await showLive();
}

function recordingRow(recording) {
  let long = length(recording.duration_ms);
  if (recording.blackout_ms) long += " (blackout " + length(recording.blackout_ms) + ")";
  if (recording.completeness !== "complete") long += ", " + recording.completeness;
  if (recording.copies) long += ", brought " + (recording.copies + 1) + " times";
  const who = recording.agent === null ? recording.device || "" : agentName(recording.agent, recording.agent_name);
  return row([
    cell(clock(recording.started), "number"),
    cell(who),
    cell(number(recording.direction, recording.ani, recording.dnis, recording.device, recording.parties), "number"),
    cell(long, "number"),
    player(recording),
  ]);
}

function recordingsPath(cursor) {
  const query = new URLSearchParams({ limit: "50" });
  if (wanted) query.set("text", wanted);
  if (cursor) query.set("cursor", cursor);
  return "v1/recordings?" + query;
}

function showEmpty() {
  const empty = byId("no-recordings");
  empty.hidden = shown.length !== 0;
  if (wanted) {
    empty.textContent = "No recording matches. Try fewer words.";
    return;
  }
  const code = document.createElement("code");
  code.textContent = "sidetone demo";
  empty.replaceChildren(
    "Nothing has been recorded yet. Let your SBC send SIPREC to this machine (port 5060), or place a test call with ",
    code,
    ".",
  );
}

// Rows that are shown stay as they are, so that a player that plays goes on.
async function showRecordings(anew) {
  const path = recordingsPath(null);
  const page = await ask(path);
  // Somebody has searched for something else meanwhile.
  if (path !== recordingsPath(null)) return;
  const body = byId("recordings").tBodies[0];
  if (anew) {
    shown = [];
    body.replaceChildren();
  }
  if (shown.length === 0) next = page.next;
  const fresh = page.items.filter((it) => !shown.includes(it.id));
  if (shown.length === 0) body.append(...fresh.map(recordingRow));
  else body.prepend(...fresh.map(recordingRow));
  shown = fresh.map((it) => it.id).concat(shown);
  byId("recordings").hidden = shown.length === 0;
  byId("more").hidden = !next;
  showEmpty();
}

async function showNew() {
  await showRecordings(false);
}

async function showMore() {
  const path = recordingsPath(next);
  const page = await ask(path);
  if (path !== recordingsPath(next)) return;
  const fresh = page.items.filter((it) => !shown.includes(it.id));
  byId("recordings").tBodies[0].append(...fresh.map(recordingRow));
  shown = shown.concat(fresh.map((it) => it.id));
  next = page.next;
  byId("more").hidden = !next;
}

async function showState() {
  const ready = await ask("readyz");
  const state = byId("state");
  state.className = ready.ready ? "" : "bad";
  state.textContent = ready.ready ? "ready to record" : "not able to record: " + Object.values(ready.reasons).join("; ");
}

function lost(error) {
  const state = byId("state");
  state.className = "bad";
  state.textContent = "The recorder gives no answer: " + error.message;
}

search.addEventListener("submit", (event) => {
  event.preventDefault();
  wanted = new FormData(search).get("text").trim();
  showRecordings(true).catch(lost);
});
byId("more").addEventListener("click", () => showMore().catch(lost));
follow();
