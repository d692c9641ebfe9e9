// Command lines for tsvdeq --via vhost-user, each with the line that QEMU is given instead, or with the reason for a
// refusal. Two tests read this table: vhost-user.test.ts compares words, vhost-user-qemu.test.ts starts QEMU.

export interface MemoryLine {
  /** QEMU's arguments. DIR is an existing directory, FILE is the file of -readconfig with the text `config`. */
  typed: string;
  config?: string;
  /** The rewritten arguments, without those of the NIC that the tests add. */
  becomes?: string;
  /** The guest's memory in bytes. */
  ram?: number;
  /** The message of the refusal. */
  refused?: string;
  /** QEMU does not accept the line, with or without our options. */
  invalid?: boolean;
}

const MIB = 1024 ** 2;
const added = (bytes: number, more = '') =>
  `-object memory-backend-memfd,id=tsvde-ram,size=${bytes},share=on${more} -machine memory-backend=tsvde-ram`;

/** A line that is not changed, except that an object of `ram` bytes is added. */
const line = (typed: string, ram: number, config?: string): MemoryLine => ({
  typed,
  ram,
  becomes: `${typed} ${added(ram)}`.trim(),
  ...(config === undefined ? {} : { config }),
});

const ram = (more: string, kind = 'memfd') => `-object memory-backend-${kind},id=m0,size=64M${more}`;
const PRIVATE = (id = 'm0') => `the memory '${id}' has share=off, and a switch cannot use private memory`;

export const memoryLines: Record<string, MemoryLine[]> = {
  'the size of the memory': [
    line('', 128 * MIB),
    line('-m 64', 64 * MIB),
    line('--m 64', 64 * MIB),
    line('-m 0.0625G', 64 * MIB),
    line('-m 65536K', 64 * MIB),
    line('-m 67108864b', 64 * MIB),
    line('-m 0x40', 64 * MIB),
    line('-m 64,', 64 * MIB),
    line('-m size=64M,slots=2,maxmem=1G', 64 * MIB),
    line('-m slots=2,maxmem=1G', 128 * MIB),
    line('-m 64 -m slots=2,maxmem=1G', 64 * MIB),
    line('-m 64 -m 96', 96 * MIB),
    line('-m size=64M,size=96M', 96 * MIB),
    line('-m 0', 128 * MIB),
    line('-m 64 -m 0', 128 * MIB),
    line('-m 4G', 4096 * MIB),
    line('-m 65537K', 64 * MIB + 8192),
    line('-m 0.06250001G', 64 * MIB + 8192),
    line('-M memory.size=64M', 64 * MIB),
    line('-machine memory.size=67108864', 64 * MIB),
    line('-M memory.size=96M -m 64', 64 * MIB),
    line('-m 64 -M memory.size=96M', 64 * MIB),
    { typed: '-m 1e2', refused: "'1e2' is not a size of memory" },
    { typed: '-m x64', refused: "'x64' is not a size of memory" },
    { typed: '-m 64MB', refused: "'64MB' is not a size of memory" },
  ],
  'the machine': [
    line('-M pc', 128 * MIB),
    line('-machine q35 -m 64', 64 * MIB),
    line('-M type=q35 -m 64', 64 * MIB),
    line('-m 64 -M pc-i440fx-2.1', 64 * MIB),
    line('-m 64 -M pc,graphics=off -M usb=off', 64 * MIB),
  ],
  'files of -readconfig': [
    line('-readconfig FILE', 64 * MIB, '# a guest\n[memory]\n  size = "64"\n\n[machine]\n  type = "q35"\n'),
    line('-readconfig FILE -m 96', 96 * MIB, '[memory]\nsize = "64M"\n'),
    line('-m 96 -readconfig FILE', 64 * MIB, '[memory]\nsize = "64M"\n'),
    {
      typed: '-readconfig FILE',
      config: '[object "m0"]\nqom-type = "memory-backend-memfd"\nsize = "64M"\n[machine]\nmemory-backend = "m0"\n',
      ram: 64 * MIB,
      becomes: '-readconfig FILE',
    },
    {
      typed: '-readconfig FILE -m 64',
      config: '[object "m0"]\nqom-type = "memory-backend-ram"\nsize = "64M"\n[machine]\nmemory-backend = "m0"\n',
      refused:
        "the memory 'm0' is not shared: use memory-backend-memfd or memory-backend-file, with share = \"on\" in 'FILE'",
    },
    {
      typed: '-m 64 -readconfig FILE',
      config: '[object "tsvde-ram"]\nqom-type = "rng-builtin"\n',
      ram: 64 * MIB,
      becomes:
        '-m 64 -readconfig FILE -object memory-backend-memfd,id=tsvde-ram2,size=67108864,share=on' +
        ' -machine memory-backend=tsvde-ram2',
    },
  ],
  'memory that the line defines': [
    { typed: `-m 64 ${ram('')} -M memory-backend=m0`, ram: 64 * MIB, becomes: `-m 64 ${ram('')} -M memory-backend=m0` },
    {
      typed: `-M memory-backend=m0 -m 64 ${ram(',share=yes')}`,
      ram: 64 * MIB,
      becomes: `-M memory-backend=m0 -m 64 ${ram(',share=yes')}`,
    },
    {
      typed: `-m 64 ${ram('', 'ram')} -M memory-backend=m0`,
      ram: 64 * MIB,
      becomes: `-m 64 ${ram(',share=on')} -M memory-backend=m0`,
    },
    {
      typed: `-m 64 ${ram(',share=on,prealloc=on', 'ram')} -M memory-backend=m0`,
      ram: 64 * MIB,
      becomes: `-m 64 ${ram(',prealloc=on,share=on')} -M memory-backend=m0`,
    },
    {
      typed: `-m 64 ${ram(',mem-path=DIR', 'file')} -M memory-backend=m0`,
      ram: 64 * MIB,
      becomes: `-m 64 ${ram(',mem-path=DIR,share=on', 'file')} -M memory-backend=m0`,
    },
    {
      typed: `-m 64 ${ram(',mem-path=DIR/ram,share=on', 'file')} -M memory-backend=m0`,
      ram: 64 * MIB,
      becomes: `-m 64 ${ram(',mem-path=DIR/ram,share=on', 'file')} -M memory-backend=m0`,
    },
    {
      typed:
        '-m 64 -object {"qom-type":"memory-backend-ram","id":"m0","size":67108864,"host-nodes":[]} -M memory-backend=m0',
      ram: 64 * MIB,
      becomes:
        '-m 64 -object {"qom-type":"memory-backend-memfd","id":"m0","size":67108864,"host-nodes":[],"share":true} -M memory-backend=m0',
    },
    { typed: `-m 64 ${ram(',share=off')} -M memory-backend=m0`, refused: PRIVATE() },
    { typed: `-m 64 ${ram(',share=off', 'ram')} -M memory-backend=m0`, refused: PRIVATE() },
    { typed: `-m 64 ${ram(',mem-path=DIR,share=off', 'file')} -M memory-backend=m0`, refused: PRIVATE() },
    {
      typed: `-m 64 ${ram(',mem-path=DIR/ram', 'file')} -M memory-backend=m0`,
      refused:
        "'-object memory-backend-file,id=m0' is private, and shared memory would be written to 'DIR/ram', which is not a" +
        ' directory: use -object memory-backend-file with share=on if that is intended',
    },
    {
      typed: '-m 64 -object memory-backend-epc,id=m0,size=64M -M memory-backend=m0',
      refused:
        "the memory 'm0' is a memory-backend-epc, which cannot be shared: use memory-backend-memfd or memory-backend-file",
    },
    { typed: '-m 64 -M memory-backend=none', becomes: '-m 64 -M memory-backend=none', invalid: true },
  ],
  'NUMA nodes and memory devices': [
    {
      typed: `-m 64 ${ram(',share=on')} -numa node,memdev=m0`,
      ram: 64 * MIB,
      becomes: `-m 64 ${ram(',share=on')} -numa node,memdev=m0`,
    },
    {
      typed:
        '-m 96 -object memory-backend-ram,id=a,size=64M -object memory-backend-ram,id=b,size=32M' +
        ' -numa node,memdev=a -numa node,memdev=b',
      ram: 96 * MIB,
      becomes:
        '-m 96 -object memory-backend-memfd,id=a,size=64M,share=on -object memory-backend-memfd,id=b,size=32M,share=on' +
        ' -numa node,memdev=a -numa node,memdev=b',
    },
    { typed: `-m 64 ${ram(',share=off')} -numa node,memdev=m0`, refused: PRIVATE() },
    line('-m 64 -M pc-i440fx-2.1 -numa node,mem=64', 64 * MIB),
    {
      typed: `-m 64,slots=1,maxmem=1G -object memory-backend-ram,id=m1,size=64M -device pc-dimm,memdev=m1`,
      ram: 64 * MIB,
      becomes: `-m 64,slots=1,maxmem=1G -object memory-backend-memfd,id=m1,size=64M,share=on -device pc-dimm,memdev=m1 ${added(64 * MIB)}`,
    },
    {
      typed: '-m 64,slots=1,maxmem=1G -object memory-backend-ram,share=off,id=m1,size=64M -device pc-dimm,memdev=m1',
      refused: PRIVATE('m1'),
    },
  ],
  '-mem-path and -mem-prealloc': [
    {
      typed: '-m 64 -mem-path DIR',
      ram: 64 * MIB,
      becomes:
        '-m 64 -object memory-backend-file,mem-path=DIR,id=tsvde-ram,size=67108864,share=on -machine memory-backend=tsvde-ram',
    },
    {
      typed: '-mem-path /nowhere -m 64 --mem-path DIR',
      ram: 64 * MIB,
      becomes:
        '-m 64 -object memory-backend-file,mem-path=DIR,id=tsvde-ram,size=67108864,share=on -machine memory-backend=tsvde-ram',
    },
    {
      typed: '-m 64 -mem-path DIR/ram',
      refused:
        "'-mem-path DIR/ram' is private, and shared memory would be written to 'DIR/ram', which is not a directory:" +
        ' use -object memory-backend-file with share=on if that is intended',
    },
    {
      typed: '-m 64 -mem-prealloc',
      ram: 64 * MIB,
      becomes: `-m 64 -mem-prealloc ${added(64 * MIB, ',prealloc=on')}`,
    },
    {
      typed: '-m 64 -mem-prealloc -mem-path DIR',
      ram: 64 * MIB,
      becomes:
        '-m 64 -mem-prealloc -object memory-backend-file,mem-path=DIR,id=tsvde-ram,size=67108864,share=on,prealloc=on' +
        ' -machine memory-backend=tsvde-ram',
    },
  ],
  'IDs that the line uses': [
    {
      typed: '-m 64 -object rng-builtin,id=tsvde-ram -object rng-builtin,id=tsvde-ram2',
      ram: 64 * MIB,
      becomes:
        '-m 64 -object rng-builtin,id=tsvde-ram -object rng-builtin,id=tsvde-ram2' +
        ' -object memory-backend-memfd,id=tsvde-ram3,size=67108864,share=on -machine memory-backend=tsvde-ram3',
    },
    line('-m 64 -chardev null,id=vlan0-vde-socket', 64 * MIB),
  ],
};
