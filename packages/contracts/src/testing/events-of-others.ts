/** The two examples of the integration patterns (spec/003), as they stand there; ids can be given, for specs that share an event store. */
export const agentCreated = (over: { event_id?: string } = {}) => ({
  event_id: '550e8400-e29b-41d4-a716-446655440000',
  event_type: 'agent.created',
  event_version: '1.0',
  timestamp: '2024-01-15T10:30:00Z',
  source: 'daa-service',
  data: {
    agent_id: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    type: 'researcher',
    cognitive_pattern: 'systems',
    created_by: 'user123',
  },
  metadata: { correlation_id: 'req_abc123', causation_id: 'evt_xyz789' },
  ...over,
})

export const knowledgeShared = (over: { event_id?: string } = {}) => ({
  event_id: '660e8400-e29b-41d4-a716-446655440000',
  event_type: 'knowledge.shared',
  event_version: '1.0',
  timestamp: '2024-01-15T10:35:00Z',
  source: 'knowledge-service',
  data: {
    knowledge_id: 'k1b2c3d4-e5f6-7890-abcd-ef1234567890',
    source_agent_id: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    target_agent_ids: ['a2b2c3d4-e5f6-7890-abcd-ef1234567890', 'a3b2c3d4-e5f6-7890-abcd-ef1234567890'],
    domain: 'machine_learning',
  },
  metadata: { correlation_id: 'req_abc123' },
  ...over,
})
