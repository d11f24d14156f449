/** The folder of a pipeline below the segments directory: its segments and its spool, apart from those of others. */
export function pipelineFolder(pipeline: string): string {
  return encodeURIComponent(pipeline).replaceAll('.', '%2E');
}
