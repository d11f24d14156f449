import type { Exponential } from './distributions.ts';
import type { ResolvedSimulation } from './options.ts';
import { RandomStream } from './random.ts';
import { ACCENTED, ADJECTIVES, FIRST_NAMES_F, FIRST_NAMES_M, LAST_NAMES, NOUNS, PLACES, VERBS } from './words.ts';

/** One song as its file describes it. */
export interface CatalogueSong {
  readonly trackId: string;
  readonly songId: string;
  readonly artistId: string;
  readonly artistName: string;
  readonly artistLocation: string;
  readonly artistLatitude: number | null;
  readonly artistLongitude: number | null;
  readonly title: string;
  /** Seconds, five decimals. */
  readonly duration: number;
  /** 0: unknown. */
  readonly year: number;
}

/** A song that is played but has no file. */
export interface LooseSong {
  readonly artistName: string;
  readonly title: string;
  readonly duration: number;
}

export interface Catalogue {
  readonly songs: readonly CatalogueSong[];
  readonly loose: readonly LooseSong[];
}

interface Place {
  readonly location: string;
  readonly latitude: number | null;
  readonly longitude: number | null;
}

interface Artist extends Place {
  readonly id: string;
  readonly name: string;
  /** Another name and place some of its songs carry. */
  readonly variant?: Place & { readonly name: string };
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SONGS_PER_FOLDER = 24;

/** Makes the catalogue and the songs beyond it: a function of seed, `songs` and the catalogue's own knobs. */
export function makeCatalogue(simulation: ResolvedSimulation, spread: Exponential): Catalogue {
  const { seed, songs: count, versions, artistVariants, catalogueShare } = simulation.knobs;
  const artists = makeArtists(seed, Math.max(1, Math.round(count * 0.64)), artistVariants);
  const random = new RandomStream(seed, 'catalogue');
  const duration = () => songDuration(random, spread);
  const songs: CatalogueSong[] = [];
  for (let i = 0; i < count; i++) {
    const template = i > artists.length / 2 && random.chance(versions) ? random.pick(songs) : undefined;
    const artist = artists[i < artists.length ? i : Math.floor(artists.length * skewed(random))] as Artist;
    const as = artist.variant !== undefined && i >= artists.length && random.chance(0.5) ? artist.variant : artist;
    const title = i > 0 && random.chance(0.08) ? random.pick(songs).title : makeTitle(random);
    songs.push({
      trackId: trackId(random, i),
      songId: `SO${random.text(LETTERS, 5)}12${serial(i, 0x3a9b1)}`,
      artistId: template?.artistId ?? artist.id,
      artistName: template?.artistName ?? as.name,
      artistLocation: template?.artistLocation ?? as.location,
      artistLatitude: template === undefined ? as.latitude : template.artistLatitude,
      artistLongitude: template === undefined ? as.longitude : template.artistLongitude,
      title: template?.title ?? title,
      duration: duration(),
      year: random.chance(0.4) ? 0 : 2010 - Math.floor(50 * skewed(random)),
    });
  }
  const looseCount = catalogueShare >= 1 && count > 0 ? 0 : Math.max(100, count);
  const loose = Array.from({ length: looseCount }, () => ({
    artistName: random.chance(0.4) ? random.pick(artists).name : makeArtistName(random),
    title: makeTitle(random),
    duration: duration(),
  }));
  return { songs, loose };
}

function makeArtists(seed: number, count: number, variants: number): Artist[] {
  const random = new RandomStream(seed, 'artists');
  return Array.from({ length: count }, (_, i) => {
    const name = makeArtistName(random);
    const id = `AR${random.text(`${LETTERS}0123456789`, 5)}1187${hex(i, 0x5bd1f, 7)}`;
    const artist = { id, name, ...makePlace(random) };
    if (!random.chance(variants)) return artist;
    const variantName = random.chance(0.7)
      ? `${name} ${random.pick(['feat.', 'with', '&'])} ${makeArtistName(random)}`
      : name;
    return { ...artist, variant: { name: variantName, ...makePlace(random) } };
  });
}

function makePlace(random: RandomStream): Place {
  const draw = random.below(100);
  if (draw < 40) return { location: '', latitude: null, longitude: null };
  const place = random.pick(PLACES);
  if (draw < 62) return { location: place.name, latitude: null, longitude: null };
  const { latitude, longitude } = place;
  return { location: draw < 66 ? '' : place.name, latitude, longitude };
}

function makeArtistName(random: RandomStream): string {
  const adjective = random.pick(ADJECTIVES);
  const noun = random.pick(NOUNS);
  const other = random.pick(NOUNS);
  const last = random.pick(LAST_NAMES);
  const first = random.pick(random.chance(0.5) ? FIRST_NAMES_F : FIRST_NAMES_M);
  const accented = random.pick(ACCENTED);
  const draw = random.below(100);
  if (draw < 24) return `The ${adjective} ${noun}s`;
  if (draw < 46) return `${first} ${last}`;
  if (draw < 56) return `${noun} & ${other}`;
  if (draw < 66) return `${adjective} ${noun}`;
  if (draw < 74) return `${first} And The ${noun}s`;
  if (draw < 82) return `${noun} ${other}`;
  if (draw < 92) return `${accented} ${random.chance(0.5) ? last : noun}`;
  if (draw < 96) return `${noun}/${other}`;
  return `${first} "${noun}" ${last}`;
}

function makeTitle(random: RandomStream): string {
  const adjective = random.pick(ADJECTIVES);
  const noun = random.pick(NOUNS);
  const other = random.pick(NOUNS);
  const verb = random.pick(VERBS);
  const accented = random.pick(ACCENTED);
  const draw = random.below(100);
  if (draw < 20) return `${adjective} ${noun}`;
  if (draw < 34) return `${verb} Me ${random.pick(['Now', 'Again', 'Tonight', 'Home', 'Slowly', 'Down', 'Back'])}`;
  if (draw < 48) return `${noun} Of The ${adjective} ${other}`;
  if (draw < 60) return `${verb} The ${noun}`;
  if (draw < 70) return `${noun} And ${other}`;
  if (draw < 77) return `You're My ${adjective} ${noun}`;
  if (draw < 83) return `${accented} ${noun}`;
  if (draw < 90) return `${adjective} ${noun} (${random.pick(['Live', 'Album Version', 'Remix', 'Acoustic', 'Demo'])})`;
  if (draw < 94)
    return `${noun} No. ${1 + random.below(9)} in ${random.pick(['A', 'B', 'C', 'D', 'E', 'F', 'G'])} minor`;
  if (draw < 97) return `${noun} / ${other}`;
  return `The "${adjective}" ${noun}`;
}

/** In [0, 1), the low end likelier. Written as a product: the power operator is not exact on every machine. */
function skewed(random: RandomStream): number {
  const x = random.fraction();
  return x * x;
}

/** Between 30 s and 20 min, four minutes on average; never a whole number of seconds. */
function songDuration(random: RandomStream, spread: Exponential): number {
  const middle = 150 + random.below(121);
  const tail = Math.floor(spread.draw(random) * 40) - (random.chance(0.1) ? 110 : 0);
  const seconds = Math.min(1200, Math.max(30, middle + tail));
  return (seconds * 100_000 + 1 + random.below(99_999)) / 100_000;
}

/** `digits` hexadecimal digits, different for different `i` below 16^digits. */
function hex(i: number, factor: number, digits: number): string {
  const modulus = Number.parseInt('1'.padEnd(digits + 1, '0'), 16);
  return ((i * factor) % modulus).toString(16).toUpperCase().padStart(digits, '0');
}

/** Nine characters in the manner of the catalogue's ids, different for different `i` below four million. */
function serial(i: number, factor: number): string {
  const block = ['A8C1', 'AB01', 'A6D4', 'AF72'][Math.floor(i / 1_048_576) % 4] as string;
  return `${block}${hex(i % 1_048_576, factor, 5)}`;
}

/** The first three letters after TR name the folder, which holds about twenty-four songs. */
function trackId(random: RandomStream, i: number): string {
  const folder = Math.floor(i / SONGS_PER_FOLDER);
  const letter = (n: number) => LETTERS[n % 26] as string;
  const path = letter(Math.floor(folder / 676)) + letter(Math.floor(folder / 26)) + letter(folder);
  return `TR${path}${random.text(LETTERS, 2)}12${serial(i, 0x6e351)}`;
}

/** Key of a song's file below the output's root. */
export function songKey(track: string): string {
  return `song_data/${track[2]}/${track[3]}/${track[4]}/${track}.json`;
}
