import { expect, test } from 'vitest';
import { type DrawnTask, drawLayers, drawRails } from '../../src/cli/graph-drawing.ts';

/** `name after a b @group` each. */
function tasks(...texts: readonly string[]): readonly DrawnTask[] {
  return texts.map((text) => {
    const [, name = '', after = '', group] = /^(\S+)(?: after ([^@]+?))?(?: @(\S+))?$/.exec(text) ?? [];
    return { name, after: after.split(' ').filter(Boolean), group: group ?? null };
  });
}

function drawn(...texts: readonly string[]): readonly string[] {
  const list = tasks(...texts);
  return drawRails(list)!.map((rails, i) => `${rails} ${list[i]!.name}`);
}

test('the classic shape: begin, stage, load, dimensions as a group, quality, end', () => {
  const classic = [
    'begin',
    'stage_events after begin @stage',
    'stage_songs after begin @stage',
    'load_songplays after stage_events stage_songs',
    'users after load_songplays @dimensions',
    'songs after load_songplays @dimensions',
    'artists after load_songplays @dimensions',
    'quality after users songs artists',
    'end after quality',
  ];
  expect(drawn(...classic)).toEqual([
    '●   begin',
    '├─● stage_events',
    '╰─● stage_songs',
    '●─╯ load_songplays',
    '├─● users',
    '├─● songs',
    '╰─● artists',
    '●─╯ quality',
    '●   end',
  ]);
  expect(drawLayers(tasks(...classic))).toBe('begin → stage (2) → load_songplays → dimensions (3) → quality → end');
});

test('rails that cross, tasks with several ways on, tasks that stand alone', () => {
  expect(drawn('a', 'b', 'c after a', 'd after a b', 'e after c', 'f after d e', 'g after a', 'z')).toEqual([
    '●─╮   a',
    '│ ●   b',
    '├─│─● c',
    '│ ● │ d',
    '│ ●─╯ e',
    '│ ●   f',
    '●     g',
    '●     z',
  ]);
  expect(drawn('a', 'b after a', 'c after a', 'd after b', 'e after c', 'f after b c', 'g after d e f')).toEqual([
    '●     a',
    '├─●─╮ b',
    '●─│─┤ c',
    '│ ● │ d',
    '╰─● │ e',
    '  ●─╯ f',
    '  ●   g',
  ]);
});

test('ten thousand that wait for one hang on one rail; too many rails are not drawn', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => `t${i} after a`);
  const rails = drawRails(tasks('a', ...many))!;
  expect([rails[0], rails[1], rails.at(-1)]).toEqual(['●  ', '├─●', '●  ']);
  const apart = [
    ...Array.from({ length: 30 }, (_, i) => `a${i}`),
    ...Array.from({ length: 30 }, (_, i) => `b${i} after a${i}`),
  ];
  expect(drawRails(tasks(...apart))).toBeUndefined();
});

test('layers are named by what they hold', () => {
  expect(drawLayers(tasks('a', 'b', 'c after a b', ...['d', 'e', 'f', 'g'].map((n) => `${n} after c`)))).toBe(
    '[a, b] → c → [4 tasks]',
  );
  expect(drawLayers([])).toBe('');
});
