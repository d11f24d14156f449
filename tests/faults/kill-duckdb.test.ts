import { describeKills, durableSteps } from './kill.ts';

describeKills('duckdb', durableSteps);
