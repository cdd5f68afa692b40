declare module 's3rver' {
  import type { AddressInfo } from 'node:net'

  /** The few things of it that are used; its own types are of another package, for a part of it only. */
  export default class S3rver {
    constructor(options: {
      directory: string
      port: number
      silent: boolean
      configureBuckets: { name: string; configs: string[] }[]
    })
    run(): Promise<AddressInfo>
    close(): Promise<void>
  }
}
