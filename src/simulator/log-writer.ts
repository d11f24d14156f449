import { DefectDraw, type DefectLabel, type DefectName, type DefectRates, reasonOf } from './defects.ts';
import { type LineWriter, lineFields, makeTrack, printFields, type Track } from './event-line.ts';
import { doubleEncoded } from './json-text.ts';
import { type FileFormat, LogFile, logKey } from './log-file.ts';
import type { KnownSongs } from './matching.ts';
import type { User } from './population.ts';
import { RandomStream } from './random.ts';
import { spoilRecord } from './spoil.ts';
import type { State } from './transitions.ts';
import type { TruthBooks } from './truth.ts';

/** A line that waits for its place: written when the file has `after` records, or at its end. */
interface HeldLine {
  readonly line: string;
  readonly kind: DefectName;
  readonly after: number;
}

export interface LogWriterParts {
  readonly seed: number;
  readonly defects: DefectRates;
  readonly lines: LineWriter;
  readonly known: KnownSongs;
  readonly books: TruthBooks;
  readonly days: { readonly first: number; readonly end: number };
  readonly label: (label: DefectLabel) => void;
  /** A play that reaches the star. */
  readonly played: (user: User, ts: number, track: Track) => void;
}

/**
 * Writes the events of one day after the other into its file, and plants the defects: at most one in a record. What a
 * defect does to the expected star goes into the books at once.
 */
export class LogWriter {
  private readonly parts: LogWriterParts;
  private readonly draw: DefectDraw;
  private readonly fileDraw: DefectDraw;
  private readonly file = new LogFile();
  private readonly fileKinds = new Map<number, DefectName | undefined>();
  /** Lines for later days, by day. */
  private readonly later = new Map<number, HeldLine[]>();
  private held: HeldLine[] = [];
  private random: RandomStream;
  private spoiled = 0;
  private day = 0;
  private missing = false;

  constructor(parts: LogWriterParts) {
    this.parts = parts;
    this.draw = new DefectDraw(parts.defects.rates, 'event');
    this.fileDraw = new DefectDraw(parts.defects.rates, 'log_file');
    this.random = new RandomStream(parts.seed, 'event defects');
  }

  openDay(day: number): void {
    const kind = this.fileKind(day);
    this.day = day;
    this.missing = kind === 'missing_file';
    this.random = new RandomStream(this.parts.seed, 'event defects', day);
    this.spoiled = 0;
    this.held = this.later.get(day) ?? [];
    this.later.delete(day);
    this.file.open(logKey(day), kind === undefined || this.missing ? 'usual' : (kind as FileFormat));
    if (kind === undefined) return;
    this.parts.books.planted(kind);
    this.parts.label({ key: this.file.key, line: null, ordinal: null, kind, reason: null, column: null });
  }

  /** Writes one event of the day. */
  take(user: User, state: State, ts: number, track: Track | undefined): void {
    if (this.missing) return;
    const kind = this.draw.isEmpty ? undefined : this.draw.pick(this.random.next());
    if (kind === undefined || !this.plant(kind, user, state, ts, track))
      this.good(this.parts.lines.line(user, state, ts, track), user, state, ts, track);
    if (this.held.length > 0) this.release(false);
  }

  /** The day's file, or undefined when there is none; its bytes are valid until the next day is opened. */
  closeDay(): { readonly key: string; readonly content: Uint8Array } | undefined {
    if (this.missing) return undefined;
    this.release(true);
    if (this.file.records === 0) return undefined;
    this.parts.books.events.files++;
    return { key: this.file.key, content: this.file.content() };
  }

  private fileKind(day: number): DefectName | undefined {
    if (this.fileDraw.isEmpty) return undefined;
    if (!this.fileKinds.has(day))
      this.fileKinds.set(day, this.fileDraw.pick(new RandomStream(this.parts.seed, 'file defects', day).next()));
    return this.fileKinds.get(day);
  }

  /** A day up to `maxLateDays` later whose file will be there. */
  private laterDay(): number | undefined {
    const day = this.day + 1 + this.random.below(this.parts.defects.maxLateDays);
    return day < this.parts.days.end && this.fileKind(day) !== 'missing_file' ? day : undefined;
  }

  private good(line: string, user: User, state: State, ts: number, track: Track | undefined, kind?: DefectName): void {
    this.append(line, kind);
    this.parts.books.events.staged++;
    this.reaches(user, state, ts, track);
  }

  private reaches(user: User, state: State, ts: number, track: Track | undefined): void {
    this.parts.books.event(user, state, ts, track);
    if (track !== undefined) this.parts.played(user, ts, track);
  }

  private append(line: string, kind?: DefectName, column: string | null = null): void {
    this.file.append(line, this.random);
    this.parts.books.events.read++;
    if (kind === undefined) return;
    this.parts.books.planted(kind);
    this.parts.label({
      key: this.file.key,
      line: this.file.lastLine,
      ordinal: this.file.records - 1,
      kind,
      reason: reasonOf(kind) ?? null,
      column,
    });
  }

  private release(all: boolean): void {
    const waiting: HeldLine[] = [];
    for (const held of this.held) {
      if (all || held.after <= this.file.records) this.append(held.line, held.kind);
      else waiting.push(held);
    }
    this.held = waiting;
  }

  private hold(line: string, kind: DefectName, day: number): void {
    const { books } = this.parts;
    books.events.staged++;
    if (day === this.day) {
      this.held.push({ line, kind, after: this.file.records + 2 + this.random.below(20) });
      return;
    }
    const held = { line, kind, after: 1 + this.random.below(200) };
    const list = this.later.get(day);
    if (list === undefined) this.later.set(day, [held]);
    else list.push(held);
  }

  /** Plants a defect; false when this event or this moment does not allow it, and nothing was done. */
  private plant(kind: DefectName, user: User, state: State, ts: number, track: Track | undefined): boolean {
    const { books, defects, lines } = this.parts;
    const reason = reasonOf(kind);
    if (reason !== undefined) {
      const { records } = this.file;
      if (records === 0 || this.spoiled + 1 > defects.maxQuarantineShare * (records + 1)) return false;
      const { line, column } = spoilRecord(kind, lineFields(user, state, ts, track), this.random);
      this.append(line, kind, column);
      this.spoiled++;
      books.events.quarantined++;
      books.quarantined(reason);
      return true;
    }
    const line = lines.line(user, state, ts, track);
    switch (kind) {
      case 'late_event':
      case 'out_of_order': {
        const day = kind === 'late_event' ? this.laterDay() : this.day;
        if (day === undefined) return false;
        this.hold(line, kind, day);
        this.reaches(user, state, ts, track);
        return true;
      }
      case 'duplicate':
      case 'duplicate_other_file':
      case 'duplicate_differing':
      case 'duplicate_differing_other_file': {
        const day = kind.endsWith('other_file') ? this.laterDay() : this.day;
        if (day === undefined) return false;
        this.good(line, user, state, ts, track);
        this.hold(kind.startsWith('duplicate_differing') ? this.differing(user, state, ts, track) : line, kind, day);
        books.events.duplicated++;
        return true;
      }
      case 'double_encoded':
      case 'artist_variant':
      case 'duration_drift': {
        const changed = track === undefined ? undefined : this.changedTrack(kind, track);
        if (changed === undefined) return false;
        this.good(lines.line(user, state, ts, changed), user, state, ts, changed, kind);
        return true;
      }
      default: {
        const fields = lineFields(user, state, ts, track);
        if (kind === 'quoted_agent') {
          if (!state.loggedIn || user.profile.agentQuoted) return false;
          fields.set('userAgent', `"\\"${user.profile.userAgent.slice(1, -1)}\\""`);
        } else if (kind === 'unknown_field')
          fields.set('device', this.random.pick(['"phone"', '"desktop"', '{"os":null}']));
        else fields.delete(this.random.pick(['registration', 'method', 'status']));
        this.good(printFields(fields), user, state, ts, track, kind);
        return true;
      }
    }
  }

  /** A copy with its key, a later ts and the other level: where it won, counts would show it. */
  private differing(user: User, state: State, ts: number, track: Track | undefined): string {
    const fields = lineFields(user, state, ts + 1000 * (1 + this.random.below(3600)), track);
    fields.set('level', state.level === 'paid' ? '"free"' : '"paid"');
    return printFields(fields);
  }

  private changedTrack(kind: DefectName, track: Track): Track | undefined {
    let { artist, title, length } = track;
    if (kind === 'double_encoded') {
      artist = doubleEncoded(artist);
      title = doubleEncoded(title);
      if (artist === track.artist && title === track.title) return undefined;
    } else if (kind === 'duration_drift') {
      const drift = 1 + this.random.below(300_000);
      length = (Math.round(length * 100_000) + (this.random.chance(0.5) ? drift : -drift)) / 100_000;
    } else {
      const bare = artist.startsWith('The ') ? artist.slice(4) : `The ${artist}`;
      artist = this.random.pick([bare, artist.toUpperCase(), `${artist} `, `${artist} feat. ${bare}`]);
    }
    const match = this.parts.known.match(title, artist, length);
    const made = makeTrack(-1, { artistName: artist, title, duration: length }, match);
    return { ...made, trueSongId: track.trueSongId };
  }
}
