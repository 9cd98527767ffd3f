import { render } from 'preact';
import { App } from './app.tsx';
import { createApiClient } from './data/api-client.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/controls.css';
import './styles/views.css';
import './styles/approvals.css';
import './styles/policy.css';

const root = document.getElementById('page');
if (root !== null) render(<App api={createApiClient()} />, root);
