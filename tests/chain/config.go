// Owns app.toml: the SDK's sections plus those that irita adds, which this chain writes and reads but does not use.

package main

import "github.com/cosmos/cosmos-sdk/server/config"

// iritaSections are irita's own sections, with the values that its `init` writes.
const iritaSections = `
[evm]
tracer = "{{ .EVM.Tracer }}"

[json-rpc]
enable = {{ .JSONRPC.Enable }}
address = "{{ .JSONRPC.Address }}"
ws-address = "{{ .JSONRPC.WsAddress }}"
api = "{{ .JSONRPC.API }}"
gas-cap = {{ .JSONRPC.GasCap }}
evm-timeout = "{{ .JSONRPC.EVMTimeout }}"
txfee-cap = {{ .JSONRPC.TxFeeCap }}
filter-cap = {{ .JSONRPC.FilterCap }}
feehistory-cap = {{ .JSONRPC.FeeHistoryCap }}
logs-cap = {{ .JSONRPC.LogsCap }}
block-range-cap = {{ .JSONRPC.BlockRangeCap }}

[tls]
certificate-path = "{{ .TLS.CertificatePath }}"
key-path = "{{ .TLS.KeyPath }}"
`

type evmConfig struct {
	Tracer string `mapstructure:"tracer"`
}

type jsonRPCConfig struct {
	Enable        bool   `mapstructure:"enable"`
	Address       string `mapstructure:"address"`
	WsAddress     string `mapstructure:"ws-address"`
	API           string `mapstructure:"api"`
	GasCap        uint64 `mapstructure:"gas-cap"`
	EVMTimeout    string `mapstructure:"evm-timeout"`
	TxFeeCap      int    `mapstructure:"txfee-cap"`
	FilterCap     int    `mapstructure:"filter-cap"`
	FeeHistoryCap int    `mapstructure:"feehistory-cap"`
	LogsCap       int    `mapstructure:"logs-cap"`
	BlockRangeCap int    `mapstructure:"block-range-cap"`
}

type tlsConfig struct {
	CertificatePath string `mapstructure:"certificate-path"`
	KeyPath         string `mapstructure:"key-path"`
}

type appConfig struct {
	config.Config `mapstructure:",squash"`
	EVM           evmConfig     `mapstructure:"evm"`
	JSONRPC       jsonRPCConfig `mapstructure:"json-rpc"`
	TLS           tlsConfig     `mapstructure:"tls"`
}

func appTOML() (string, appConfig) {
	values := appConfig{Config: *config.DefaultConfig()}
	values.MinGasPrices = "0aphoton"
	values.JSONRPC = jsonRPCConfig{
		Enable: true, Address: "0.0.0.0:8545", WsAddress: "0.0.0.0:8546", API: "eth,net,web3", GasCap: 25000000, EVMTimeout: "5s",
		TxFeeCap: 1, FilterCap: 200, FeeHistoryCap: 100, LogsCap: 10000, BlockRangeCap: 10000,
	}
	return config.DefaultConfigTemplate + iritaSections, values
}
