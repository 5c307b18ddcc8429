//! Every English word of the console. Values that vary are arguments.

const count = (n: number, one: string, many: string) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const en = {
  product: "Sidetone",
  nav: {
    label: "Main",
    skip: "Skip to content",
    board: "Board",
    recordings: "Recordings",
    recording: "Recording",
    call: "Call",
    admin: "Administration",
    login: "Sign in",
    nothingHere: "There is nothing at this address.",
    toBoard: "To the board",
  },
  looks: {
    label: "Looks",
    auto: "As the system",
    light: "Light",
    dark: "Dark",
  },
  connection: {
    live: "Live",
    noAnswer: "The recorder gives no answer",
    lost: (since: string) => `No connection since ${since}; it is tried again. What you see may be old.`,
    back: "The connection is back.",
    ready: "Ready to record",
    notReady: (why: string) => `Not able to record: ${why}`,
    warning: (why: string) => `To be seen to: ${why}`,
    alarms: (n: number) => count(n, "alarm", "alarms"),
  },
  words: {
    cancel: "Cancel",
    close: "Close",
    retry: "Try again",
    loading: "Loading",
    unknown: "Unknown",
    agent: (id: number) => `Agent ${id}`,
    yes: "Yes",
    no: "No",
    save: "Save",
    more: "More",
  },
  who: {
    label: "Your name",
    hint: "Goes on record with what you do here.",
  },
  login: {
    title: "Sign in",
    name: "Name",
    password: "Password",
    enter: "Sign in",
    expired: "You were signed out, or are not signed in yet.",
    refused: "Name or password is not right.",
    unavailable: "This recorder asks for no login.",
  },
  board: {
    title: "Board",
    soon: "The live board is being built.",
  },
  admin: {
    title: "Administration",
    soon: "Administration is being built.",
  },
  recordings: {
    title: "Recordings",
    none: "Nothing has been recorded yet.",
  },
  recording: {
    title: "Recording",
    play: "Play",
    listen: "Listen",
  },
  call: {
    title: "Call",
  },
};
