import { ByteBuffer } from './byte-buffer.ts';
import type { DefectName } from './defects.ts';
import type { RandomStream } from './random.ts';
import { storedGzip } from './stored-gzip.ts';

/** How one day's file departs from the usual: lines ended by LF, no newline at its end. */
export type FileFormat = Extract<DefectName, 'blank_lines' | 'crlf' | 'bom' | 'gzip' | 'final_newline'> | 'usual';

/** One day's file while it is being written. Knows where the record just written stands. */
export class LogFile {
  /** Records written so far; the next one's ordinal. */
  records = 0;
  /** Physical lines so far: the line number of the record just written, when nothing followed it. */
  private lines = 0;
  /** Of the record just written. */
  lastLine = 0;
  key = '';
  private format: FileFormat = 'usual';
  private separator = '\n';
  private readonly buffer = new ByteBuffer();

  open(key: string, format: FileFormat): void {
    this.key = format === 'gzip' ? `${key}.gz` : key;
    this.format = format;
    this.separator = format === 'crlf' ? '\r\n' : '\n';
    this.records = 0;
    this.lines = 0;
    this.buffer.clear();
    if (format === 'bom') this.buffer.write('\xef\xbb\xbf');
  }

  append(line: string, random: RandomStream): void {
    if (this.lines > 0) this.buffer.write(this.separator);
    this.buffer.write(line);
    this.lastLine = ++this.lines;
    this.records++;
    if (this.format === 'blank_lines' && random.chance(0.15)) {
      this.buffer.write(random.chance(0.5) ? '\n' : '\n   ');
      this.lines++;
    }
  }

  /** The whole file; valid until the next `open`. */
  content(): Uint8Array {
    if (this.format === 'final_newline') this.buffer.write('\n');
    const bytes = this.buffer.bytes();
    return this.format === 'gzip' ? storedGzip(bytes) : bytes;
  }
}

/** Key of the file of a UTC day (days since 1970-01-01) below the output's root. */
export function logKey(day: number, folder = 'log_data', ending = '-events.json'): string {
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  return `${folder}/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}${ending}`;
}
