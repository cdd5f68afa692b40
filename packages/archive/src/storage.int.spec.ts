import { codeOf } from '@journey/runtime'
import { expect } from 'chai'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openStorage, type Storage } from './storage.js'
import { startS3 } from './testing/index.js'

const inFolder = async (use: (storage: Storage, folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-archive-'))
  try {
    await use(openStorage(pathToFileURL(join(folder, 'archive')).href), join(folder, 'archive'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const inBucket = async (use: (storage: Storage) => Promise<void>): Promise<void> => {
  const { access, close } = await startS3()
  try {
    await use(openStorage('s3://archive/of/ours', access))
  } finally {
    await close()
  }
}

for (const [place, within] of [
  ['in a folder', inFolder],
  ['in S3', inBucket],
] as const)
  describe(`an archive's storage ${place}`, () => {
    it('gives back what was put, byte for byte, and the last of what was put under one key', () =>
      within(async (storage) => {
        const body = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 256))
        await storage.put('events/2026-01-27/journey-1.jsonl.gz', Buffer.from('first'))
        await storage.put('events/2026-01-27/journey-1.jsonl.gz', body)
        const found = await storage.get('events/2026-01-27/journey-1.jsonl.gz')
        expect(found?.equals(body)).to.equal(true)
      }))

    it('has nothing under a key that nobody put', () =>
      within(async (storage) => {
        expect(await storage.get('manifests/none.json')).to.equal(undefined)
        expect(await storage.list('manifests/')).to.deep.equal([])
      }))

    it('knows when an object was put', () =>
      within(async (storage) => {
        const before = Date.now()
        await storage.put('events/001.gz', Buffer.from('one'))
        const putAt = await storage.putAt('events/001.gz')
        expect(putAt!.getTime()).to.be.within(before - 1_000, Date.now() + 1_000) // S3 tells whole seconds
        expect(await storage.putAt('events/002.gz')).to.equal(undefined)
      }))

    it('lists the keys below a prefix in order, in pages, without those beside it', () =>
      within(async (storage) => {
        const keys = ['manifests/003.json', 'manifests/001.json', 'manifests/002.json']
        for (const key of [...keys, 'events/001.json']) await storage.put(key, Buffer.from('{}'))
        expect(await storage.list('manifests/')).to.deep.equal([...keys].sort())
        expect(await storage.list('manifests/', 'manifests/001.json')).to.deep.equal([...keys].sort().slice(1))
        expect(await storage.list('manifests/', 'manifests/003.json')).to.deep.equal([])
      }))
  })

describe('an archive in a folder', () => {
  it('is its owner’s alone, and shows nothing half-written', () =>
    inFolder(async (storage, folder) => {
      await storage.put('manifests/001.json', Buffer.from('{}'))
      writeFileSync(join(folder, 'manifests/002.json.half.part'), '{')
      expect(await storage.list('manifests/')).to.deep.equal(['manifests/001.json'])
      expect(statSync(join(folder, 'manifests/001.json')).mode & 0o077).to.equal(0)
      expect(readdirSync(folder)).to.deep.equal(['manifests'])
    }))

  it('says that it is away when the folder cannot be made', () =>
    inFolder(async (_, folder) => {
      writeFileSync(folder, 'a file stands where the folder should')
      chmodSync(folder, 0o400)
      const error: unknown = await openStorage(pathToFileURL(folder).href)
        .put('manifests/001.json', Buffer.from('{}'))
        .catch((thrown: unknown) => thrown)
      expect(codeOf(error)).to.equal('archive/away')
      expect(existsSync(join(folder, 'manifests'))).to.equal(false)
    }))
})

describe('an archive in S3', () => {
  it('says that it is away when there is no such bucket', async () => {
    const { access, close } = await startS3()
    const error: unknown = await openStorage('s3://nobodys-bucket', access)
      .put('manifests/001.json', Buffer.from('{}'))
      .catch((thrown: unknown) => thrown)
    await close()
    expect(codeOf(error)).to.equal('archive/away')
    expect((error as Error).message).to.match(/nobodys-bucket cannot be used: NoSuchBucket/)
  })

  it('says that it is away when nobody answers', async () => {
    const { access, close } = await startS3()
    await close()
    const error: unknown = await openStorage('s3://archive', access)
      .list('manifests/')
      .catch((thrown: unknown) => thrown)
    expect(codeOf(error)).to.equal('archive/away')
  })
})
