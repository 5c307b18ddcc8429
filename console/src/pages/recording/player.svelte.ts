//! The player of one recording: what is heard, from where, how fast and how loud. One `audio` element, which asks for what it
//! needs by range; levels of the legs are set behind it.

import { lanesSilentAt, nextSound, type Peaks } from "./silence";

/** A span of a recording, ms from its start. */
export interface Span {
  from: number;
  to: number;
}

/** How fast it may play. */
export const speeds = [0.5, 0.75, 1, 1.25, 1.5, 2, 3] as const;

export class Player {
  /** Where it is, ms. */
  at = $state(0);
  /** How long the recording lasts, ms; grows while it is made. */
  lasts = $state(0);
  playing = $state(false);
  /** It should play and waits for sound. */
  waiting = $state(false);
  speed = $state(1);
  skipSilence = $state(false);
  /** The span that was chosen. */
  span = $state.raw<Span | null>(null);
  loop = $state(false);
  /** 0 to 1.5 for each lane. */
  levels = $state([1, 1]);
  muted = $state([false, false]);
  /** What stands in the way of sound. */
  trouble = $state("");
  peaks = $state.raw<Peaks | null>(null);

  private context: AudioContext | null = null;
  private gains: GainNode[] = [];
  private meters: AnalyserNode[] = [];
  private frame = 0;
  private source = "";

  constructor(
    readonly audio: HTMLAudioElement,
    /** Finds out where its sound is; null if it is not to be heard after all. */
    private readonly find: () => Promise<string | null>,
    /** Whether it is still made: then there is no going back and forth. */
    readonly live: boolean,
    private readonly refused: (url: string) => Promise<string>,
  ) {
    audio.preload = "none";
    audio.preservesPitch = true;
  }

  /** Plays, or goes on. */
  async play(): Promise<void> {
    this.trouble = "";
    const source = await this.find();
    if (source === null) return;
    this.route();
    // After an error the element has to be told again.
    if (this.source !== source) this.audio.src = this.source = source;
    else if (this.audio.error) this.audio.load();
    if (!this.live && Math.abs(this.audio.currentTime * 1000 - this.at) > 50) this.audio.currentTime = this.at / 1000;
    if (!this.live && this.lasts && this.at >= this.lasts - 50) this.seek(this.span && this.loop ? this.span.from : 0);
    this.waiting = true;
    try {
      await this.audio.play();
    } catch (error) {
      this.waiting = false;
      if ((error as DOMException).name !== "AbortError") this.trouble = await this.refused(this.source);
    }
  }

  pause(): void {
    this.audio.pause();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else void this.play();
  }

  /** Goes to a place, ms from the start. */
  seek(ms: number): void {
    if (this.live) return;
    this.at = Math.min(Math.max(0, ms), this.lasts);
    this.audio.currentTime = this.at / 1000;
  }

  /** Goes there and plays. */
  async playFrom(ms: number): Promise<void> {
    this.seek(ms);
    await this.play();
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.audio.playbackRate = speed;
    this.audio.defaultPlaybackRate = speed;
  }

  /** The next faster or slower speed. */
  faster(by: 1 | -1): void {
    const at = speeds.findIndex((speed) => speed === this.speed);
    this.setSpeed(speeds[Math.min(Math.max(0, at + by), speeds.length - 1)] ?? 1);
  }

  setLevel(lane: number, level: number): void {
    this.levels[lane] = level;
    this.applyLevels();
  }

  toggleMuted(lane: number): void {
    this.muted[lane] = !this.muted[lane];
    this.applyLevels();
  }

  /** How loud a lane is this moment, 0 to 1, for a meter. */
  loudness(lane: number): number {
    const meter = this.meters[lane];
    if (!meter) return 0;
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    return peak <= 0.001 ? 0 : Math.min(1, 1 + Math.log10(peak) / 3);
  }

  /** Follows the element; gives what ends it. */
  follow(): () => void {
    const audio = this.audio;
    const on: Record<string, () => void> = {
      playing: () => {
        this.playing = true;
        this.waiting = false;
        this.tick();
      },
      pause: () => {
        this.playing = false;
        this.waiting = false;
      },
      waiting: () => (this.waiting = true),
      ended: () => {
        this.playing = false;
        this.at = this.live ? this.at : this.lasts;
      },
      timeupdate: () => this.moved(),
      error: () => {
        this.playing = false;
        this.waiting = false;
        if (!this.source) return;
        void this.refused(this.source).then((why) => (this.trouble = why));
      },
    };
    for (const [name, hear] of Object.entries(on)) audio.addEventListener(name, hear);
    return () => {
      for (const [name, hear] of Object.entries(on)) audio.removeEventListener(name, hear);
      cancelAnimationFrame(this.frame);
      audio.pause();
      audio.removeAttribute("src");
      audio.load();
      void this.context?.close();
    };
  }

  private tick(): void {
    cancelAnimationFrame(this.frame);
    const next = () => {
      if (!this.playing) return;
      this.moved();
      this.frame = requestAnimationFrame(next);
    };
    this.frame = requestAnimationFrame(next);
  }

  private moved(): void {
    if (this.audio.readyState === 0) return;
    this.at = this.audio.currentTime * 1000;
    if (!this.playing || this.live) return;
    if (this.loop && this.span && this.at >= this.span.to) {
      this.seek(this.span.from);
    } else if (this.skipSilence && this.peaks && lanesSilentAt(this.peaks, this.at)) {
      const next = nextSound(this.peaks, this.at);
      if (next - this.at > 1_500) this.seek(next - 300);
    }
  }

  // Two sides into two gains, and both into both ears, so that one side alone is not heard in one ear only.
  private route(): void {
    if (this.context) {
      void this.context.resume();
      return;
    }
    const context = new AudioContext();
    const splitter = context.createChannelSplitter(2);
    // One channel counts as both sides.
    const both = context.createGain();
    both.channelCount = 2;
    both.channelCountMode = "explicit";
    context.createMediaElementSource(this.audio).connect(both).connect(splitter);
    for (const lane of [0, 1]) {
      const gain = context.createGain();
      const meter = context.createAnalyser();
      meter.fftSize = 512;
      const place = context.createStereoPanner();
      place.pan.value = lane === 0 ? -0.35 : 0.35;
      splitter.connect(meter, lane);
      splitter.connect(gain, lane);
      gain.connect(place).connect(context.destination);
      this.gains.push(gain);
      this.meters.push(meter);
    }
    this.context = context;
    this.applyLevels();
    void context.resume();
  }

  private applyLevels(): void {
    for (const [lane, gain] of this.gains.entries()) gain.gain.value = this.muted[lane] ? 0 : (this.levels[lane] ?? 1);
  }
}
