import { randomUUID } from 'node:crypto'
import type { Call } from '../grpc/call.js'
import { gossip } from './generated.js'
import { toUuid } from './identifiers.js'

/** A cluster of one, which leads. The client will dial the address named here, so it is the one it has just dialled. */
export const readGossip = (address: () => { host: string; port: number }) => {
  const instanceId = randomUUID()
  return (_request: Buffer, { headers }: Call): Uint8Array => {
    const dialled = dialledBy(headers[':authority'] ?? headers.host ?? '') ?? address()
    const endPoint = new gossip.EndPoint()
    endPoint.setAddress(dialled.host)
    endPoint.setPort(dialled.port)
    const member = new gossip.MemberInfo()
    member.setInstanceId(toUuid(instanceId))
    member.setTimeStamp(String(BigInt(Date.now()) * 10_000n))
    member.setState(gossip.MemberInfo.VNodeState.LEADER)
    member.setIsAlive(true)
    member.setHttpEndPoint(endPoint)
    const response = new gossip.ClusterInfo()
    response.setMembersList([member])
    return response.serializeBinary()
  }
}

const dialledBy = (authority: string): { host: string; port: number } | undefined => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(authority) ?? []
  const host = bracketed ?? plain
  return host === undefined ? undefined : { host, port: Number(port) }
}
