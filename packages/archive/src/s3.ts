import type { S3Client } from '@aws-sdk/client-s3'
import { unavailable } from '@journey/runtime'
import type { Storage } from './storage.js'

/** How S3 is reached. Without keys the usual places are asked: environment, shared files, the machine's own role. */
export type S3Access = {
  /** Another server than that of AWS: `http://127.0.0.1:9000`. */
  endpoint?: string | undefined
  region?: string | undefined
  accessKeyId?: string | undefined
  secretAccessKey?: string | undefined
}

/** An archive in a bucket of S3, or of another server that speaks like it; the bucket must be there. */
export const s3Storage = ({ bucket, folder, ...access }: { bucket: string; folder: string } & S3Access): Storage => {
  const prefix = folder === '' ? '' : `${folder.replace(/\/+$/, '')}/`
  let opened: Promise<{ sdk: typeof import('@aws-sdk/client-s3'); client: S3Client }> | undefined
  const open = () => (opened ??= connect(access))

  const asked = async <Result>(
    ask: (sdk: typeof import('@aws-sdk/client-s3'), client: S3Client) => Promise<Result>,
  ): Promise<Result> => {
    const { sdk, client } = await open()
    try {
      return await ask(sdk, client)
    } catch (error) {
      const { name, message } = error as Error
      throw unavailable('archive/away', `The archive's bucket ${bucket} cannot be used: ${name}: ${message}`, error)
    }
  }

  return {
    put: (key, body) =>
      asked(async ({ PutObjectCommand }, client) => {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + key, Body: body }))
      }),

    get: (key) =>
      asked(async ({ GetObjectCommand, NoSuchKey }, client) => {
        try {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + key }))
          return Buffer.from((await Body?.transformToByteArray()) ?? [])
        } catch (error) {
          if (error instanceof NoSuchKey) return undefined
          throw error
        }
      }),

    list: (under, after = '') =>
      asked(async ({ ListObjectsV2Command }, client) => {
        const { Contents = [] } = await client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix + under,
            ...(after !== '' && { StartAfter: prefix + after }),
          }),
        )
        return Contents.map(({ Key = '' }) => Key.slice(prefix.length))
      }),

    putAt: (key) =>
      asked(async ({ HeadObjectCommand, NotFound }, client) => {
        try {
          return (await client.send(new HeadObjectCommand({ Bucket: bucket, Key: prefix + key }))).LastModified
        } catch (error) {
          if (error instanceof NotFound) return undefined
          throw error
        }
      }),
  }
}

/** The library takes 40 MB and a tenth of a second to load, so only those who archive to S3 pay for it. */
const connect = async ({ endpoint, region = 'us-east-1', accessKeyId, secretAccessKey }: S3Access) => {
  const sdk = await import('@aws-sdk/client-s3')
  const client = new sdk.S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
    // Checksums in trailers are stored as part of the object by servers that do not know them; ours stand in the manifest.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  return { sdk, client }
}
