export { default } from 'enketo-core/src/js/widgets';
