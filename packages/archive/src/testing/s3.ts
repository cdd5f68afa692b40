import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import S3rver from 's3rver'
import type { S3Access } from '../s3.js'

/** A server that speaks S3 on a free port, with an empty bucket `archive`; `close` ends it and removes what it kept. */
export const startS3 = async (): Promise<{ access: S3Access; close: () => Promise<void> }> => {
  const directory = mkdtempSync(join(tmpdir(), 'journey-s3-'))
  const server = new S3rver({ directory, port: 0, silent: true, configureBuckets: [{ name: 'archive', configs: [] }] })
  const { port } = await server.run()
  return {
    access: { endpoint: `http://127.0.0.1:${port}`, accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    close: async () => {
      await server.close()
      rmSync(directory, { recursive: true })
    },
  }
}
