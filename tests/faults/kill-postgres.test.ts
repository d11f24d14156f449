import { describeKills, durableSteps } from './kill.ts';

describeKills('postgres', [...durableSteps, 'stage.loaded', 'mirror.before', 'mirror.after']);
