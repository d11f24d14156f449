/** The vocabulary names and titles are made of. Order matters: it is part of what a seed gives. */
const list = (text: string): readonly string[] => text.trim().split(/\s*,\s*/);

export const FIRST_NAMES_F = list(
  'Ada, Amelia, Anna, Aurora, Bella, Cecilia, Chloe, Clara, Dora, Elena, Elise, Emily, Eva, Flora, Freya, Grace, Hanna, Hazel, Ida, Irene, Isla, Ivy, Jana, Julia, Kate, Kira, Layla, Lena, Lily, Lucia, Luna, Maja, Marta, Maya, Mila, Nina, Nora, Olive, Paula, Petra, Rosa, Ruby, Sara, Selma, Sofia, Stella, Tessa, Vera, Viola, Zoe',
);
export const FIRST_NAMES_M = list(
  'Aaron, Adam, Albert, Anton, Arthur, Ben, Bruno, Caleb, Carl, Daniel, David, Dylan, Elias, Emil, Eric, Felix, Finn, Frank, George, Gustav, Henry, Hugo, Isaac, Ivan, Jack, Jacob, Jonas, Joseph, Kai, Karl, Leo, Liam, Louis, Lucas, Marcus, Martin, Max, Milo, Nathan, Noah, Oliver, Oscar, Otto, Paul, Peter, Robert, Samuel, Simon, Theo, Victor',
);
export const LAST_NAMES = list(
  'Adams, Allen, Andrews, Baker, Barnes, Bauer, Bell, Berg, Brooks, Carter, Castillo, Clark, Cohen, Cole, Cruz, Dahl, Davis, Diaz, Ellis, Evans, Fischer, Flores, Foster, Garcia, Gomez, Grant, Gray, Green, Hale, Hall, Harper, Hayes, Hill, Holm, Hughes, Jensen, Johnson, Jones, Keller, Kelly, Kim, King, Klein, Larson, Lee, Lewis, Lopez, Lund, Marsh, Martin, Mason, Miller, Moore, Morales, Murphy, Myers, Nguyen, Olsen, Ortiz, Parker, Patel, Perez, Price, Ramirez, Reed, Reyes, Rivera, Roberts, Rossi, Russell, Sanders, Santos, Schmidt, Scott, Shaw, Silva, Smith, Stone, Sullivan, Torres, Turner, Vargas, Wagner, Walker, Ward, Weber, West, White, Wilson, Young',
);
/** Metropolitan areas as the Census names them, the larger ones several times. */
export const LOCATIONS = [
  'New York-Newark-Jersey City, NY-NJ-PA',
  'New York-Newark-Jersey City, NY-NJ-PA',
  'Los Angeles-Long Beach-Anaheim, CA',
  'Los Angeles-Long Beach-Anaheim, CA',
  'Chicago-Naperville-Elgin, IL-IN-WI',
  'San Francisco-Oakland-Hayward, CA',
  'San Jose-Sunnyvale-Santa Clara, CA',
  'Houston-The Woodlands-Sugar Land, TX',
  'Atlanta-Sandy Springs-Roswell, GA',
  'Tampa-St. Petersburg-Clearwater, FL',
  'Portland-South Portland, ME',
  'Lansing-East Lansing, MI',
  'Waterloo-Cedar Falls, IA',
  'Lake Havasu City-Kingman, AZ',
  'Eureka-Arcata-Fortuna, CA',
  'Birmingham-Hoover, AL',
  'Boston-Cambridge-Newton, MA-NH',
  'Denver-Aurora-Lakewood, CO',
  'Dallas-Fort Worth-Arlington, TX',
  'Detroit-Warren-Dearborn, MI',
  'Miami-Fort Lauderdale-West Palm Beach, FL',
  'Minneapolis-St. Paul-Bloomington, MN-WI',
  'Nashville-Davidson--Murfreesboro--Franklin, TN',
  'Phoenix-Mesa-Scottsdale, AZ',
  'Sacramento--Roseville--Arden-Arcade, CA',
  'Salt Lake City, UT',
  'San Antonio-New Braunfels, TX',
  'Seattle-Tacoma-Bellevue, WA',
  'Washington-Arlington-Alexandria, DC-VA-MD-WV',
  'Winston-Salem, NC',
  'Mayag\u00fcez, PR',
  'Yuba City, CA',
];
/** Each with whether the app logs it wrapped in quotes. */
export const USER_AGENTS: readonly { readonly text: string; readonly quoted: boolean }[] = [
  ['Macintosh; Intel Mac OS X 10_9_4', 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36'],
  ['Macintosh; Intel Mac OS X 10_9_4', 'AppleWebKit/537.78.2 (KHTML, like Gecko) Version/7.0.6 Safari/537.78.2'],
  ['Windows NT 6.1; WOW64', 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.125 Safari/537.36'],
  ['Windows NT 6.3; WOW64', 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36'],
  ['X11; Linux x86_64', 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/37.0.2062.94 Safari/537.36'],
  [
    'iPhone; CPU iPhone OS 7_1_2 like Mac OS X',
    'AppleWebKit/537.51.2 (KHTML, like Gecko) Version/7.0 Mobile/11D257 Safari/9537.53',
  ],
  ['Windows NT 5.1; rv:31.0', 'Gecko/20100101 Firefox/31.0'],
  ['Macintosh; Intel Mac OS X 10.9; rv:31.0', 'Gecko/20100101 Firefox/31.0'],
  ['Windows NT 6.1; WOW64; Trident/7.0; rv:11.0', 'like Gecko'],
].map(([system = '', engine = '']) => ({
  text: `Mozilla/5.0 (${system}) ${engine}`,
  quoted: engine.startsWith('AppleWebKit'),
}));

export const ADJECTIVES = list(
  'Amber, Ancient, Black, Blue, Bright, Broken, Burning, Calm, Cold, Crimson, Crooked, Dark, Distant, Electric, Empty, Endless, Faded, Fallen, Gentle, Golden, Gray, Hidden, Hollow, Holy, Honest, Hungry, Invisible, Kind, Last, Little, Lonely, Lost, Loud, Lucky, Midnight, Neon, New, Paper, Pale, Plastic, Quiet, Red, Restless, Royal, Sacred, Second, Secret, Silent, Silver, Simple, Slow, Small, Strange, Sudden, Sweet, Tender, Thin, Tired, Velvet, Violet, Warm, White, Wild, Wooden, Young',
);
export const NOUNS = list(
  'Anchor, Animal, Arrow, Avenue, Bird, Bone, Border, Bridge, Castle, Child, Circle, City, Clock, Cloud, Coast, Country, Crow, Crystal, Dancer, Desert, Diamond, Door, Dream, Echo, Engine, Eye, Feather, Field, Fire, Flower, Forest, Fox, Garden, Ghost, Giant, Glass, Harbor, Heart, Hero, Horizon, House, Hurricane, Island, Key, King, Lantern, Letter, Light, Lion, Machine, Map, Mirror, Moon, Morning, Mountain, Night, Ocean, Orchard, Parade, Pilot, Planet, Queen, Radio, Rain, Raven, River, Road, Robot, Rocket, Rose, Sailor, Satellite, Sea, Season, Shadow, Shore, Signal, Sky, Smoke, Snow, Soldier, Song, Sparrow, Spring, Star, Station, Stone, Storm, Stranger, Summer, Sun, Thunder, Tiger, Tower, Train, Valley, Village, Voice, Wave, Wheel, Window, Winter, Wolf, Wonder',
);
export const VERBS = list(
  'Believe, Breathe, Bring, Call, Carry, Catch, Change, Chase, Dance, Find, Follow, Forget, Forgive, Hear, Hold, Keep, Leave, Love, Move, Need, Remember, Save, See, Send, Show, Stay, Take, Tell, Trust, Wake, Want, Watch',
);
/** Names with letters beyond ASCII, which double encoding spoils. */
export const ACCENTED = list(
  'Bj\u00f8rn, Fr\u00e9d\u00e9rique, Jos\u00e9, Z\u00f6e, M\u00fcnchen, Coraz\u00f3n, D\u00e9j\u00e0 Vu, Ni\u00f1o, S\u00e3o Paulo, \u00c9toile, \u00dcber, Caf\u00e9, Sm\u00e5land, Fa\u00e7ade, Gar\u00e7on, Se\u00f1orita, \u00c5ngstr\u00f6m, R\u00eaverie, Na\u00efve, Malm\u00f6',
);
export const PLACES: readonly {
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
}[] = [
  ['New York, NY', 40.71455, -74.00712],
  ['Los Angeles, CA', 34.05349, -118.24532],
  ['Chicago, IL', 41.88415, -87.63241],
  ['Nashville, TN', 36.16778, -86.77836],
  ['London, England', 51.50632, -0.12714],
  ['Montreal, Quebec, Canada', 45.51179, -73.59498],
  ['Berlin, Germany', 52.51607, 13.37698],
  ['M\u00fcnchen', 48.13641, 11.57754],
  ['S\u00e3o Paulo, Brazil', -23.56288, -46.65466],
  ['Tokyo, Japan', 35.68979, 139.69171],
  ['Sydney, Australia', -33.86963, 151.20695],
  ['Reykjav\u00edk, Iceland', 64.14554, -21.94236],
  ['Austin, TX', 30.2676, -97.74298],
  ['Detroit, MI', 42.33168, -83.04792],
  ['Seattle, WA', 47.60356, -122.32944],
  ['Glasgow / Edinburgh, Scotland', 55.8578, -4.24251],
].map(([name, latitude, longitude]) => ({
  name: name as string,
  latitude: latitude as number,
  longitude: longitude as number,
}));
