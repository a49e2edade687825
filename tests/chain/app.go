// Owns the chain's state machine: which modules it has, how their keepers are joined and in which order they run.

package main

import (
	"encoding/json"
	"io"
	"path/filepath"

	"github.com/bianjieai/iritamod/modules/genutil"
	"github.com/bianjieai/iritamod/modules/node"
	"github.com/bianjieai/iritamod/modules/params"
	"github.com/bianjieai/iritamod/modules/perm"
	"github.com/bianjieai/iritamod/modules/slashing"
	"github.com/bianjieai/iritamod/modules/upgrade"
	iritaupgradekeeper "github.com/bianjieai/iritamod/modules/upgrade/keeper"
	"github.com/cosmos/cosmos-sdk/baseapp"
	simparams "github.com/cosmos/cosmos-sdk/simapp/params"
	"github.com/cosmos/cosmos-sdk/std"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/bank"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/crisis"
	crisiskeeper "github.com/cosmos/cosmos-sdk/x/crisis/keeper"
	crisistypes "github.com/cosmos/cosmos-sdk/x/crisis/types"
	"github.com/cosmos/cosmos-sdk/x/evidence"
	evidencekeeper "github.com/cosmos/cosmos-sdk/x/evidence/keeper"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantkeeper "github.com/cosmos/cosmos-sdk/x/feegrant/keeper"
	feegrantmodule "github.com/cosmos/cosmos-sdk/x/feegrant/module"
	paramskeeper "github.com/cosmos/cosmos-sdk/x/params/keeper"
	paramstypes "github.com/cosmos/cosmos-sdk/x/params/types"
	slashingkeeper "github.com/cosmos/cosmos-sdk/x/slashing/keeper"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
	abci "github.com/tendermint/tendermint/abci/types"
	"github.com/tendermint/tendermint/libs/log"
	dbm "github.com/tendermint/tm-db"
)

// plan is the name of an upgrade this build knows how to go through; set when the program is linked, normally empty.
var plan string

// order is the order of InitGenesis: roles before the gentxs that need them, the gentxs last.
var order = []string{
	perm.ModuleName, authtypes.ModuleName, banktypes.ModuleName, node.ModuleName, slashingtypes.ModuleName, crisistypes.ModuleName,
	evidencetypes.ModuleName, feegrant.ModuleName, upgradetypes.ModuleName, paramstypes.ModuleName, genutil.ModuleName,
}

// ownModules are the modules that this chain really has.
var ownModules = []module.AppModuleBasic{
	auth.AppModuleBasic{}, bank.AppModuleBasic{}, crisis.AppModuleBasic{}, evidence.AppModuleBasic{}, feegrantmodule.AppModuleBasic{},
	genutil.AppModuleBasic{}, node.AppModuleBasic{}, params.AppModuleBasic{}, perm.AppModuleBasic{}, slashing.AppModuleBasic{}, upgrade.AppModuleBasic{},
}

// basics are all modules that a genesis speaks of, those that exist only there included.
var basics = module.NewBasicManager(append(foreignModules(), ownModules...)...)

// chain is the application that Tendermint drives.
type chain struct {
	*baseapp.BaseApp
	encoding  simparams.EncodingConfig
	accounts  authkeeper.AccountKeeper
	bank      bankkeeper.Keeper
	feegrants feegrantkeeper.Keeper
	nodes     node.Keeper
	perms     perm.Keeper
	modules   *module.Manager
}

func makeEncoding() simparams.EncodingConfig {
	encoding := simparams.MakeTestEncodingConfig()
	std.RegisterLegacyAminoCodec(encoding.Amino)
	std.RegisterInterfaces(encoding.InterfaceRegistry)
	basics.RegisterLegacyAminoCodec(encoding.Amino)
	basics.RegisterInterfaces(encoding.InterfaceRegistry)
	return encoding
}

func newChain(logger log.Logger, db dbm.DB, trace io.Writer, home string, options appOptions, base ...func(*baseapp.BaseApp)) *chain {
	encoding := makeEncoding()
	cdc := encoding.Marshaler
	app := &chain{BaseApp: baseapp.NewBaseApp("IritaApp", logger, db, encoding.TxConfig.TxDecoder(), base...), encoding: encoding}
	app.SetCommitMultiStoreTracer(trace)
	app.SetVersion(iritaVersion)
	app.SetInterfaceRegistry(encoding.InterfaceRegistry)

	keys := sdk.NewKVStoreKeys(
		authtypes.StoreKey, banktypes.StoreKey, evidencetypes.StoreKey, feegrant.StoreKey, node.StoreKey, paramstypes.StoreKey,
		perm.StoreKey, slashingtypes.StoreKey, upgradetypes.StoreKey,
	)
	transient := sdk.NewTransientStoreKeys(paramstypes.TStoreKey)
	paramsKeeper := paramskeeper.NewKeeper(cdc, encoding.Amino, keys[paramstypes.StoreKey], transient[paramstypes.TStoreKey])
	app.SetParamStore(paramsKeeper.Subspace(baseapp.Paramspace).WithKeyTable(paramskeeper.ConsensusParamsKeyTable()))
	space := func(name string) paramstypes.Subspace { return paramsKeeper.Subspace(name) }

	permissions := map[string][]string{authtypes.FeeCollectorName: nil}
	app.accounts = authkeeper.NewAccountKeeper(cdc, keys[authtypes.StoreKey], space(authtypes.ModuleName), authtypes.ProtoBaseAccount, permissions)
	blocked := map[string]bool{authtypes.NewModuleAddress(authtypes.FeeCollectorName).String(): true}
	app.bank = bankkeeper.NewBaseKeeper(cdc, keys[banktypes.StoreKey], app.accounts, space(banktypes.ModuleName), blocked)
	app.feegrants = feegrantkeeper.NewKeeper(cdc, keys[feegrant.StoreKey], app.accounts)
	app.perms = perm.NewKeeper(cdc, keys[perm.StoreKey])
	registerPermissions(&app.perms)
	app.nodes = node.NewKeeper(cdc, keys[node.StoreKey], space(node.ModuleName))
	slashes := slashingkeeper.NewKeeper(cdc, keys[slashingtypes.StoreKey], &app.nodes, space(slashingtypes.ModuleName))
	app.nodes = *app.nodes.SetHooks(stakingtypes.NewMultiStakingHooks(slashes.Hooks()))
	crises := crisiskeeper.NewKeeper(space(crisistypes.ModuleName), options.invariantsEvery, app.bank, authtypes.FeeCollectorName)
	evidences := evidencekeeper.NewKeeper(cdc, keys[evidencetypes.StoreKey], &app.nodes, slashes)
	upgrades := upgradekeeper.NewKeeper(options.skipUpgrades, keys[upgradetypes.StoreKey], cdc, home, app.BaseApp)
	if info, err := upgrades.ReadUpgradeInfoFromDisk(); err == nil && plan != "" && info.Name == plan {
		upgrades.SetUpgradeHandler(plan, func(_ sdk.Context, _ upgradetypes.Plan, versions module.VersionMap) (module.VersionMap, error) {
			return versions, nil
		})
	}

	app.modules = module.NewManager(
		genutil.NewAppModule(app.accounts, app.nodes, app.DeliverTx, encoding.TxConfig),
		auth.NewAppModule(cdc, app.accounts, nil),
		bank.NewAppModule(cdc, app.bank, app.accounts),
		crisis.NewAppModule(&crises, options.skipInvariants),
		evidence.NewAppModule(*evidences),
		feegrantmodule.NewAppModule(cdc, app.accounts, app.bank, app.feegrants, encoding.InterfaceRegistry),
		node.NewAppModule(cdc, app.nodes),
		params.NewAppModule(cdc, paramsKeeper),
		perm.NewAppModule(cdc, app.perms),
		slashing.NewAppModule(cdc, slashing.NewKeeper(slashes, app.nodes), app.accounts, app.bank, app.nodes),
		upgrade.NewAppModule(iritaupgradekeeper.NewKeeper(upgrades)),
	)
	app.modules.SetOrderInitGenesis(order...)
	app.modules.SetOrderExportGenesis(order...)
	app.modules.SetOrderBeginBlockers(append([]string{upgradetypes.ModuleName}, without(order, upgradetypes.ModuleName)...)...)
	app.modules.SetOrderEndBlockers(order...)
	app.modules.RegisterInvariants(&crises)
	app.modules.RegisterRoutes(app.Router(), app.QueryRouter(), encoding.Amino)
	app.modules.RegisterServices(module.NewConfigurator(cdc, app.MsgServiceRouter(), app.GRPCQueryRouter()))

	app.MountKVStores(keys)
	app.MountTransientStores(transient)
	app.SetAnteHandler(app.anteHandler())
	app.SetInitChainer(app.initChain)
	app.SetBeginBlocker(app.modules.BeginBlock)
	app.SetEndBlocker(app.modules.EndBlock)
	app.SetIDPeerFilter(app.nodes.FilterNodeByID)
	return app
}

// initChain reads the sections of the modules it has and passes over all others.
func (app *chain) initChain(ctx sdk.Context, req abci.RequestInitChain) abci.ResponseInitChain {
	var state map[string]json.RawMessage
	if err := json.Unmarshal(req.AppStateBytes, &state); err != nil {
		panic(err)
	}
	return app.modules.InitGenesis(ctx, app.encoding.Marshaler, state)
}

func without(names []string, name string) (rest []string) {
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

func snapshotFolder(home string) string { return filepath.Join(home, "data", "snapshots") }
