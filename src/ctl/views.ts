// The words of tsvdectl that show tables, in the order of help.
import { attachmentsView } from './views/attachments.ts';
import { macsView } from './views/macs.ts';
import { portView } from './views/port.ts';
import { portsView } from './views/ports.ts';
import type { View } from './views/view.ts';
import { vlansView } from './views/vlans.ts';

export const views: readonly View[] = [portsView, portView, macsView, vlansView, attachmentsView];
