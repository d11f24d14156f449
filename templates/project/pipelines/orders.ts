import {
  chain,
  check,
  col,
  createTables,
  definePipeline,
  dimension,
  epochMs,
  fact,
  loadDimension,
  loadFact,
  publish,
  quality,
  read,
  stage,
  staging,
  z,
} from 'sparkify';

/** Orders of a shop: one NDJSON file a day in, an audited star of orders and customers out. */
export default definePipeline({
  name: 'orders',
  doc: 'Orders and customers of the shop.',
  params: z.object({
    data: z.string({ error: 'name the folder or s3:// prefix of the orders' }),
  }),
  define: ({ data }) => {
    // 1. The source: where the records lie, and what each of their fields may hold. What does not fit goes to
    //    quarantine with its reason and its raw text; nothing is coerced and nothing is lost.
    const events = staging('staging_orders', {
      doc: 'One record per order, as the shop wrote it.',
      root: data,
      template: '{yyyy-MM-dd}-orders.ndjson',
      columns: {
        order_id: read.integer({ field: 'orderId', required: true, min: 1, doc: 'Number of the order.' }),
        ordered_at: read.epochMs({ field: 'ts', required: true, doc: 'When it was placed, epoch milliseconds.' }),
        customer_id: read.text({ field: 'customer', required: true, doc: 'Who ordered.' }),
        name: read.text({ doc: 'Name of the customer at that time.' }),
        city: read.text({ doc: 'Where it goes.' }),
        amount: read.double({ required: true, min: 0, doc: 'Total in euro.' }),
      },
      // Of records with one key exactly one is in force, whichever file they come in and in whichever order.
      key: ['order_id'],
      winner: [{ sql: 'r.ordered_at', descending: true }],
      eventTime: 'ordered_at',
    });

    // 2. The fact: one row per order.
    const orders = fact('orders', {
      doc: 'One row per order.',
      from: events,
      columns: {
        order_id: col.bigint({ sql: 'r.order_id', nullable: false, doc: 'Number of the order.' }),
        ordered_at: col.timestamp({ sql: epochMs('r.ordered_at'), nullable: false, doc: 'When, UTC.' }),
        customer_id: col.text({
          sql: 'r.customer_id',
          nullable: false,
          references: 'customers.customer_id',
          doc: 'Who ordered.',
        }),
        amount: col.double({ sql: 'r.amount', nullable: false, doc: 'Total in euro.' }),
      },
      key: ['order_id'],
      time: 'ordered_at',
    });

    // 3. The dimension: one row per customer, as of their latest order.
    const customers = dimension('customers', {
      doc: 'One row per customer, as of their latest order.',
      from: events,
      winner: [
        { sql: 'r.ordered_at', descending: true },
        { sql: 'r.order_id', descending: true },
      ],
      columns: {
        customer_id: col.text({ sql: 'r.customer_id', nullable: false, doc: 'The customer.' }),
        name: col.text({ sql: 'r.name', doc: 'Name.' }),
        city: col.text({ sql: "nullif(r.city, '')", doc: 'City; null where unknown.' }),
      },
      key: ['customer_id'],
    });

    // 4. What must hold before anybody sees it: one failed check, and the star stays as it was.
    const checks = [
      check.unique('orders', ['order_id']),
      check.notNull('orders', ['ordered_at', 'customer_id', 'amount']),
      check.references('orders', 'customer_id', 'customers', 'customer_id'),
      check.unique('customers', ['customer_id']),
      check.expected('orders above 10,000 euro', 'select count(*) from orders where amount > 10000', 0, {
        severity: 'warn',
      }),
    ];

    return {
      stagings: [events],
      tables: [orders, customers],
      tasks: chain(
        createTables(),
        stage(events),
        [loadFact(orders), loadDimension(customers)],
        quality(checks),
        publish(),
      ),
      analyses: [
        {
          name: 'revenue',
          title: 'Revenue by customer',
          sql: `select c.name, count(*) as orders, sum(o.amount) as revenue
from orders o join customers c on c.customer_id = o.customer_id
group by c.customer_id, c.name
order by revenue desc, c.customer_id`,
          bars: { label: 'name', value: 'revenue' },
        },
      ],
    };
  },
});
