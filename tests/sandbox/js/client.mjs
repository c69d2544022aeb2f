// Talks to the sandbox with the official client and fails loudly when an answer differs.
import assert from 'node:assert/strict'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'

const client = createClient({ url: process.argv[2], compression: { response: true, request: true }, log: { level: ClickHouseLogLevel.OFF } })
assert.equal((await client.ping()).success, true)

await client.command({ query: 'CREATE TABLE from_js (id UInt64, name String) ENGINE = MergeTree ORDER BY id' })
const values = Array.from({ length: 1000 }, (_, id) => ({ id, name: `näme\t${id}` }))
await client.insert({ table: 'from_js', values, format: 'JSONEachRow' })

const query = 'SELECT id, name FROM from_js WHERE name = {name:String} OR id IN {ids:Array(UInt64)} ORDER BY id'
const result = await client.query({ query, query_params: { name: 'näme\t7', ids: [1, 2] }, format: 'JSONEachRow' })
assert.deepEqual((await result.json()).map((row) => [Number(row.id), row.name]), [[1, 'näme\t1'], [2, 'näme\t2'], [7, 'näme\t7']])

const json = await (await client.query({ query: 'SELECT count() AS n FROM from_js' })).json()
assert.equal(Number(json.data[0].n), 1000)

let streamed = 0
const rows = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONEachRow' })
for await (const chunk of rows.stream()) streamed += chunk.length
assert.equal(streamed, 200000)

await assert.rejects(client.query({ query: 'SELECT * FROM nope' }), (error) => error.code === '60')
await client.close()
console.log('ok')
