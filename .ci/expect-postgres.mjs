// Proves that SPARKIFY_TEST_POSTGRES is the major version that was asked for: a suite must not pass on another one.
import pg from 'pg';

const [wanted] = process.argv.slice(2);
const client = new pg.Client(process.env.SPARKIFY_TEST_POSTGRES);
await client.connect();
const version = (await client.query('show server_version')).rows[0].server_version;
await client.end();
console.log(`PostgreSQL ${version}`);
process.exit(version.split('.')[0] === wanted ? 0 : 1);
