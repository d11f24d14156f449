import { defineConfig } from 'sparkify';
import orders from './pipelines/orders.ts';

// Flags stand above environment variables, those above this file. Relative paths start at this file's folder.
export default defineConfig({
  warehouse: 'duckdb:.sparkify/warehouse.duckdb',
  // For PostgreSQL: 'postgresql://me@db.example.com/dwh'; the password comes from SPARKIFY_PG_PASSWORD or ~/.pgpass.
  pipelines: [orders],
  params: {
    orders: { data: 'data/orders' },
  },
});
