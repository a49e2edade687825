// Owns how the node program makes the application: options from app.toml and flags, snapshots, export, REST and gRPC.

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bianjieai/iritamod/modules/node"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/grpc/tmservice"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/server/api"
	"github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/snapshots"
	"github.com/cosmos/cosmos-sdk/store"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authrest "github.com/cosmos/cosmos-sdk/x/auth/client/rest"
	authtx "github.com/cosmos/cosmos-sdk/x/auth/tx"
	"github.com/cosmos/cosmos-sdk/x/crisis"
	"github.com/spf13/cast"
	"github.com/tendermint/tendermint/libs/log"
	tmos "github.com/tendermint/tendermint/libs/os"
	tmproto "github.com/tendermint/tendermint/proto/tendermint/types"
	dbm "github.com/tendermint/tm-db"
)

// appOptions are the settings that keepers and modules need when they are made.
type appOptions struct {
	skipUpgrades    map[int64]bool
	invariantsEvery uint
	skipInvariants  bool
}

func readOptions(get servertypes.AppOptions) appOptions {
	options := appOptions{
		skipUpgrades:    map[int64]bool{},
		invariantsEvery: cast.ToUint(get.Get(server.FlagInvCheckPeriod)),
		skipInvariants:  cast.ToBool(get.Get(crisis.FlagSkipGenesisInvariants)),
	}
	for _, height := range cast.ToIntSlice(get.Get(server.FlagUnsafeSkipUpgrades)) {
		options.skipUpgrades[int64(height)] = true
	}
	return options
}

// create is called by `start`. It panics on settings that cannot be read, as irita does.
func create(logger log.Logger, db dbm.DB, trace io.Writer, get servertypes.AppOptions) servertypes.Application {
	home := cast.ToString(get.Get(flags.FlagHome))
	pruning, err := server.GetPruningOptionsFromFlags(get)
	if err != nil {
		panic(err)
	}
	folder := snapshotFolder(home)
	metadata, err := sdk.NewLevelDB("metadata", folder)
	if err != nil {
		panic(err)
	}
	kept, err := snapshots.NewStore(metadata, folder)
	if err != nil {
		panic(err)
	}
	var cache sdk.MultiStorePersistentCache
	if cast.ToBool(get.Get(server.FlagInterBlockCache)) {
		cache = store.NewCommitKVStoreCacheManager()
	}
	app := newChain(logger, db, trace, home, readOptions(get),
		baseapp.SetPruning(pruning),
		baseapp.SetMinGasPrices(cast.ToString(get.Get(server.FlagMinGasPrices))),
		baseapp.SetMinRetainBlocks(cast.ToUint64(get.Get(server.FlagMinRetainBlocks))),
		baseapp.SetHaltHeight(cast.ToUint64(get.Get(server.FlagHaltHeight))),
		baseapp.SetHaltTime(cast.ToUint64(get.Get(server.FlagHaltTime))),
		baseapp.SetInterBlockCache(cache),
		baseapp.SetTrace(cast.ToBool(get.Get(server.FlagTrace))),
		baseapp.SetIndexEvents(cast.ToStringSlice(get.Get(server.FlagIndexEvents))),
		baseapp.SetSnapshotStore(kept),
		baseapp.SetSnapshotInterval(cast.ToUint64(get.Get(server.FlagStateSyncSnapshotInterval))),
		baseapp.SetSnapshotKeepRecent(cast.ToUint32(get.Get(server.FlagStateSyncSnapshotKeepRecent))),
		baseapp.SetIAVLCacheSize(cast.ToInt(get.Get("iavl-cache-size"))),
	)
	if err := app.LoadLatestVersion(); err != nil {
		// On stdout, like the other late failures of the real program.
		tmos.Exit(err.Error())
	}
	return app
}

// export is called by `export` on a stopped node.
func export(
	logger log.Logger, db dbm.DB, trace io.Writer, height int64, _ bool, _ []string, get servertypes.AppOptions,
) (servertypes.ExportedApp, error) {
	home, ok := get.Get(flags.FlagHome).(string)
	if !ok || home == "" {
		return servertypes.ExportedApp{}, fmt.Errorf("application home is not set")
	}
	app := newChain(logger, db, trace, home, readOptions(get))
	var err error
	if height == -1 {
		err = app.LoadLatestVersion()
	} else {
		err = app.LoadVersion(height)
	}
	if err != nil {
		return servertypes.ExportedApp{}, err
	}
	ctx := app.NewContext(true, tmproto.Header{Height: app.LastBlockHeight()})
	state := app.modules.ExportGenesis(ctx, app.encoding.Marshaler)
	for _, m := range foreignModules() {
		state[m.Name()] = m.DefaultGenesis(app.encoding.Marshaler)
	}
	text, err := json.MarshalIndent(state, "", "  ")
	return servertypes.ExportedApp{
		AppState:        text,
		Validators:      node.WriteValidators(ctx, app.nodes),
		Height:          app.LastBlockHeight() + 1,
		ConsensusParams: app.GetConsensusParams(ctx),
	}, err
}

// RegisterAPIRoutes implements servertypes.Application: the REST server on 1317.
func (app *chain) RegisterAPIRoutes(server *api.Server, _ config.APIConfig) {
	ctx := server.ClientCtx
	rpc.RegisterRoutes(ctx, server.Router)
	authrest.RegisterTxRoutes(ctx, server.Router)
	authtx.RegisterGRPCGatewayRoutes(ctx, server.GRPCGatewayRouter)
	tmservice.RegisterGRPCGatewayRoutes(ctx, server.GRPCGatewayRouter)
	basics.RegisterRESTRoutes(ctx, server.Router)
	basics.RegisterGRPCGatewayRoutes(ctx, server.GRPCGatewayRouter)
}

// RegisterTxService implements servertypes.Application.
func (app *chain) RegisterTxService(ctx client.Context) {
	authtx.RegisterTxService(app.GRPCQueryRouter(), ctx, app.Simulate, app.encoding.InterfaceRegistry)
}

// RegisterTendermintService implements servertypes.Application.
func (app *chain) RegisterTendermintService(ctx client.Context) {
	tmservice.RegisterTendermintService(app.GRPCQueryRouter(), ctx, app.encoding.InterfaceRegistry)
}
