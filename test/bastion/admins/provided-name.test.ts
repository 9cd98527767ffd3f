import { expect, test } from 'vitest';
import { checkNewAccount } from '../../../bastion/admins/account-rules.ts';
import { personIn, providedName } from '../../../bastion/admins/provided-name.ts';
import { Approvers } from '../../../bastion/approvals/approvers.ts';

test('no local account can have the name of somebody of a directory', () => {
  const name = providedName('corp', 'alice@acme.example');
  expect(name).toBe('corp/alice@acme.example');
  expect(() => checkNewAccount(name, 'admin', 'a long enough password')).toThrow(
    expect.objectContaining({ code: 'admin.invalid_name' }),
  );
});

test('the person is the same whichever way they sign in', () => {
  expect(personIn('alice')).toBe('alice');
  expect(personIn(providedName('corp', 'alice'))).toBe('alice');
});

test('nobody approves their own request, or twice, by way of the directory', async () => {
  const approvers = new Approvers({
    sameAs: { 'corp/dora': ['dora.vendor'] },
    creatorOfToken: async () => 'admin:corp/alice',
  });
  const person = await approvers.personOf('admin:corp/alice');
  expect(person).toBe(await approvers.personOf('admin:alice'));
  expect(person).toBe(await approvers.personOf('token:robot'));
  expect(approvers.isOperator(person ?? '', 'alice')).toBe(true);
  // Whichever of the two directories keeps what stands behind the name.
  expect(approvers.isOperator('alice@corp.example', 'alice')).toBe(true);
  expect(approvers.isOperator('alice', 'Alice@vendor.example')).toBe(true);
  expect(approvers.isOperator('alice@corp.example', 'alice@vendor.example')).toBe(false);
  expect(approvers.isOperator('alice', 'alicea')).toBe(false);
  expect(approvers.isOperator((await approvers.personOf('admin:dora')) ?? '', 'dora.vendor')).toBe(true);
  expect(approvers.isOperator((await approvers.personOf('admin:corp/bob')) ?? '', 'alice')).toBe(false);
});
