import { createHash } from 'node:crypto';

export interface StoredVersion {
  readonly key: string;
  readonly versionId: string;
  readonly bytes: Buffer;
  readonly etag: string;
  readonly isDeleteMarker: boolean;
}

/** One bucket in memory: for each key its versions, the newest first. */
export class TestBucket {
  readonly name: string;
  readonly isPublic: boolean;
  readonly isForbidden: boolean;
  versioning: boolean;
  readonly #keys = new Map<string, StoredVersion[]>();
  #serial = 0;

  constructor(name: string, options: { versioning?: boolean; publicRead?: boolean; forbidden?: boolean } = {}) {
    this.name = name;
    this.versioning = options.versioning ?? false;
    this.isPublic = options.publicRead ?? false;
    this.isForbidden = options.forbidden ?? false;
  }

  put(key: string, content: string | Uint8Array): StoredVersion {
    const bytes = Buffer.from(content as Uint8Array);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    return this.#add({ key, bytes, etag, versionId: this.#nextId(), isDeleteMarker: false });
  }

  remove(key: string): void {
    if (!this.versioning) this.#keys.delete(key);
    else this.#add({ key, bytes: Buffer.alloc(0), etag: '', versionId: this.#nextId(), isDeleteMarker: true });
  }

  removeVersion(key: string, versionId: string): void {
    const left = (this.#keys.get(key) ?? []).filter((v) => v.versionId !== versionId);
    if (left.length === 0) this.#keys.delete(key);
    else this.#keys.set(key, left);
  }

  get(key: string, versionId?: string): StoredVersion | undefined {
    const versions = this.#keys.get(key) ?? [];
    return versionId === undefined ? versions[0] : versions.find((v) => v.versionId === versionId);
  }

  /** All versions in the byte order of their keys, the newest first. */
  versions(prefix: string): readonly StoredVersion[] {
    return [...this.#keys.keys()]
      .filter((k) => k.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .flatMap((k) => this.#keys.get(k) ?? []);
  }

  #nextId(): string {
    return this.versioning ? `v${String(++this.#serial).padStart(6, '0')}` : 'null';
  }

  #add(version: StoredVersion): StoredVersion {
    const kept = (this.#keys.get(version.key) ?? []).filter((v) => v.versionId !== version.versionId);
    this.#keys.set(version.key, [version, ...kept]);
    return version;
  }
}
