import { expect, test } from 'vitest';
import type { SshChannel } from '../../../shared/ssh/channel.ts';
import { ChannelTable } from '../../../shared/ssh/channel-table.ts';
import { MESSAGE } from '../../../shared/ssh/messages.ts';
import { WireWriter } from '../../../shared/ssh/wire.ts';

const PACKET_BYTES = 32 * 1024;

/** A table whose transport has room for so many packets as it was given. */
function tableWithRoom() {
  const room = { packets: 0 };
  const sentBy: number[] = [];
  const channels: SshChannel[] = [];
  const table = new ChannelTable({
    transport: {
      send: () => undefined,
      sendData: (remoteId) => {
        sentBy.push(remoteId);
        room.packets -= 1;
      },
      get congested() {
        return room.packets <= 0;
      },
      fail: (error) => {
        throw error;
      },
    },
    windowBytes: 2 * 1024 * 1024,
    onIncoming: (incoming) => channels.push(incoming.accept()),
  });
  const open = (remoteId: number): void => {
    const message = new WireWriter().byte(MESSAGE.CHANNEL_OPEN).string('session').uint32(remoteId);
    table.receive(
      MESSAGE.CHANNEL_OPEN,
      message
        .uint32(64 * PACKET_BYTES)
        .uint32(PACKET_BYTES)
        .finish(),
    );
  };
  return { table, room, sentBy, channels, open };
}

test('channels that wait for a full transport take turns', () => {
  const { table, room, sentBy, channels, open } = tableWithRoom();
  for (const remoteId of [1, 2, 3]) open(remoteId);
  for (const channel of channels) for (let n = 0; n < 4; n++) channel.write(Buffer.alloc(PACKET_BYTES));
  for (let n = 0; n < 9; n++) {
    room.packets = 1;
    table.pump();
  }
  expect(sentBy).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
});

test('the last words of a channel wait for no room', () => {
  const { sentBy, channels, open } = tableWithRoom();
  open(7);
  channels[0]?.write(Buffer.alloc(PACKET_BYTES));
  expect(sentBy).toEqual([]);
  channels[0]?.writeLast(Buffer.from('Remote access is turned off.'));
  expect(sentBy).toEqual([7]);
});
