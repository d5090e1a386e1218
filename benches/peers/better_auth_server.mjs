// better-auth as its documentation sets it up, with better-sqlite3 in WAL and its bearer plugin.
// PEER_DATABASE names the file; PEER_HASH=argon2id hashes as this server does, in place of the library's scrypt.
import { createServer } from 'node:http'
import { hash, verify } from '@node-rs/argon2'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { bearer } from 'better-auth/plugins'
import Database from 'better-sqlite3'

const database = new Database(process.env.PEER_DATABASE)
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
const cost = { memoryCost: 19456, timeCost: 2, parallelism: 1 }
const argon2id = { hash: (password) => hash(password, cost), verify: ({ hash, password }) => verify(hash, password) }
const options = {
  baseURL: `http://127.0.0.1:${process.argv[2]}`,
  secret: 'Qm7-wX2_vK9-tR4_zL8-pN3_yJ6-hB5_',
  database,
  emailAndPassword: { enabled: true, ...(process.env.PEER_HASH === 'argon2id' ? { password: argon2id } : {}) },
  plugins: [bearer()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
}
await (await getMigrations(options)).runMigrations()
createServer(toNodeHandler(betterAuth(options))).listen(Number(process.argv[2]), '127.0.0.1')
