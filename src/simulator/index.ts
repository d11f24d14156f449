export type { DefectLabel, DefectName } from './defects.ts';
export { DEFECT_KINDS } from './defects.ts';
export type { SimulateOptions } from './options.ts';
export { simulationConfigSchema } from './options.ts';
export { simulate } from './simulate.ts';
export type { SimulationSink } from './sink.ts';
export { localFolderSink } from './sink.ts';
export type { SimulationTruth } from './truth.ts';
