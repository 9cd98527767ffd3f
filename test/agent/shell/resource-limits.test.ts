import { expect, it } from 'vitest';
import { limitOptions } from '../../../agent/shell/resource-limits.ts';

const HEAD = 'Limit                     Soft Limit           Hard Limit           Units     \n';
const OWN = `${HEAD}Max open files            65536                65536                files     
Max processes             100                  200                  processes 
Max nice priority         0                    0                    
Max core file size        0                    unlimited            bytes     
`;

it('names the limits that differ, as prlimit takes them', () => {
  const wanted = OWN.replace('65536                65536', '1024                 1048576').replace(
    '100                  200',
    '100                  unlimited',
  );
  expect(limitOptions(wanted, OWN)).toEqual(['--nofile=1024:1048576', '--nproc=100:unlimited']);
  expect(limitOptions(OWN, OWN)).toEqual([]);
});

it('leaves out what it does not know', () => {
  expect(limitOptions('Max dreams      1     2   hours\nnonsense', OWN)).toEqual([]);
});
